// The way to the store as the aws command takes it: through the proxies of the environment, and with the authorities
// of AWS_CA_BUNDLE. Neither is known to the SDK; Node's own agents do both.

import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { OffsiteError } from '../base/errors.ts';

const proxyNames = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'];

/**
 * The agents that an environment asks for.
 *
 * @returns Nothing where it asks for none: the SDK makes its own.
 * @throws {@link OffsiteError} `CONFIG_UNREADABLE` if the file of AWS_CA_BUNDLE cannot be read.
 */
export function agentsOf(environment: NodeJS.ProcessEnv): { httpAgent?: Agent; httpsAgent?: TlsAgent } {
  const bundle = environment.AWS_CA_BUNDLE;
  if (!bundle && !proxyNames.some((name) => environment[name])) return {};
  const options = { keepAlive: true, maxSockets: 50, proxyEnv: environment };
  return {
    httpAgent: new Agent(options),
    httpsAgent: new TlsAgent({ ...options, ...(bundle ? { ca: authorities(bundle) } : {}) }),
  };
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
