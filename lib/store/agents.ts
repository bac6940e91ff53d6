// The way to the store as the aws command takes it: through the proxies of the environment, and with the authorities
// of AWS_CA_BUNDLE. Neither is known to the SDK; Node's own agents do both.

import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { isIP } from 'node:net';
import { OffsiteError } from '../base/errors.ts';

/** Of Node 22.21, and of 24.5: before, an agent goes straight to where a proxy should have been. */
const knowsProxies = process.allowedNodeEnvironmentFlags.has('--use-env-proxy');

const proxyNames = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'];

/**
 * The agents that an environment asks for.
 *
 * @param bundle - A file with certificates of authorities; those of the system do not count then.
 * @returns Nothing where it asks for none: the SDK makes its own.
 * @throws {@link OffsiteError} `CONFIG_UNREADABLE` if the bundle cannot be read; `CONFIG_INVALID` where a proxy is named that
 *   is none, or that this Node cannot use.
 */
export function agentsOf(
  environment: NodeJS.ProcessEnv,
  bundle = environment.AWS_CA_BUNDLE,
  canUseProxies = knowsProxies,
): { httpAgent?: Agent; httpsAgent?: TlsAgent } {
  const { proxies, ca } = askedOf(environment, bundle, canUseProxies);
  if (ca === undefined && proxies.length === 0) return {};
  const proxyEnv = { ...environment, ...Object.fromEntries(proxies) };
  const options = { keepAlive: true, maxSockets: 50, proxyEnv };
  return { httpAgent: new Agent(options), httpsAgent: new TlsAgent({ ...options, ...(ca && { ca }) }) };
}

/** Throws as {@link agentsOf} does, and makes none: that takes 20 ms, which who reads a file alone does not need. */
export function assertAgents(environment: NodeJS.ProcessEnv, bundle = environment.AWS_CA_BUNDLE): void {
  askedOf(environment, bundle, knowsProxies);
}

/** The same error; it says whose proxy did not answer, where the address that it names is that one's and not the store's. */
export function withProxy(environment: NodeJS.ProcessEnv, error: Error): Error {
  const [way] = error instanceof AggregateError ? error.errors : [error];
  const { hostname, address, port } = way as { hostname?: string; address?: string; port?: number };
  const failed = proxyNames.find((name) => {
    if (!environment[name]) return false;
    const proxy = new URL(proxyUrl(name, environment[name]));
    const isThere = port === Number(proxy.port || (proxy.protocol === 'https:' ? 443 : 80));
    return hostname === proxy.hostname || (isThere && (address === proxy.hostname || !isIP(proxy.hostname)));
  });
  if (failed !== undefined) error.message = `the proxy of ${failed} does not answer (${way.message})`;
  return error;
}

function askedOf(environment: NodeJS.ProcessEnv, bundle: string | undefined, canUseProxies: boolean) {
  const names = proxyNames.filter((name) => environment[name]);
  if (names.length > 0 && !canUseProxies)
    throw new OffsiteError('CONFIG_INVALID', `this Node goes through no proxy, and ${names[0]} names one`, {
      expected: 'Node 24.5 or newer (or 22.21)',
      found: process.version,
      hint: `'npm ci' brings one, if it leaves nothing out; or unset ${names.join(', ')}, where the store is reached without`,
    });
  const proxies = names.map((name) => [name, proxyUrl(name, environment[name] as string)] as const);
  return { proxies, ca: bundle ? authorities(bundle) : undefined };
}

/** Node goes straight, without a word, where it does not understand a proxy's address; curl and aws take one without a scheme. */
function proxyUrl(name: string, text: string): string {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return url;
  throw new OffsiteError('CONFIG_INVALID', `the proxy of ${name} cannot be used`, {
    expected: 'http://host:port or https://host:port, with user:password@ where it wants them',
    found: URL.canParse(url) ? `one that begins with ${new URL(url).protocol}//` : 'what is no URL',
    hint: `mend or unset ${name}; NO_PROXY names what is reached without`,
  });
}

function authorities(path: string): string {
  let found: string;
  try {
    const text = readFileSync(path, 'utf8');
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
    found = 'no certificate in it';
  } catch (error) {
    found = (error as Error).message;
  }
  throw new OffsiteError('CONFIG_UNREADABLE', `the authorities of ${path} cannot be read`, {
    expected: 'a PEM file with certificates',
    found,
    hint: "name another: --ca-bundle, caBundle in the settings file, AWS_CA_BUNDLE, or the profile's ca_bundle",
  });
}
