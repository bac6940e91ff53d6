// The way to the store as the aws command takes it: through the proxies of the environment, and with the authorities
// of AWS_CA_BUNDLE. Neither is known to the SDK; Node's own agents do both.

import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { OffsiteError } from '../base/errors.ts';

/** Of Node 22.21, and of 24.5: before, an agent goes straight to where a proxy should have been. */
const knowsProxies = process.allowedNodeEnvironmentFlags.has('--use-env-proxy');

const proxyNames = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'];

/**
 * The agents that an environment asks for.
 *
 * @returns Nothing where it asks for none: the SDK makes its own.
 * @throws {@link OffsiteError} `CONFIG_UNREADABLE` if the file of AWS_CA_BUNDLE cannot be read; `CONFIG_INVALID` where a
 *   proxy is named and this Node takes none.
 */
export function agentsOf(
  environment: NodeJS.ProcessEnv,
  canUseProxies = knowsProxies,
): { httpAgent?: Agent; httpsAgent?: TlsAgent } {
  const bundle = environment.AWS_CA_BUNDLE;
  const proxies = proxyNames.filter((name) => environment[name]);
  if (proxies.length > 0 && !canUseProxies) throw needsNewerNode(proxies);
  if (!bundle && proxies.length === 0) return {};
  const options = { keepAlive: true, maxSockets: 50, proxyEnv: environment };
  return {
    httpAgent: new Agent(options),
    httpsAgent: new TlsAgent({ ...options, ...(bundle ? { ca: authorities(bundle) } : {}) }),
  };
}

function needsNewerNode(proxies: readonly string[]): OffsiteError {
  return new OffsiteError('CONFIG_INVALID', `this Node goes through no proxy, and ${proxies[0]} names one`, {
    expected: 'Node 24.5 or newer (or 22.21)',
    found: process.version,
    hint: `'npm ci' brings one, if it leaves nothing out; or unset ${proxies.join(', ')}, where the store is reached without`,
  });
}

function authorities(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new OffsiteError('CONFIG_UNREADABLE', 'the file of AWS_CA_BUNDLE cannot be read', {
      expected: 'a PEM file with the certificates of authorities',
      found: (error as Error).message,
      hint: 'name another, or unset AWS_CA_BUNDLE',
    });
  }
}
