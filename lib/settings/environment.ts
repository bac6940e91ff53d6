// Settings of the environment, by the names of its variables.

import { closest } from '../base/closest.ts';
import { OffsiteError } from '../base/errors.ts';
import { guardVariables } from './guard.ts';
import { isObject, type RawSettings } from './layers.ts';

/** The setting that a variable is, and the way to dump that it implies. */
const environmentKeys: Readonly<Record<string, readonly [section: string, key?: string, via?: string]>> = {
  OFFSITE_SOURCE: ['source'],
  OFFSITE_BUCKET: ['bucket'],
  OFFSITE_REGION: ['region'],
  OFFSITE_ENDPOINT: ['endpoint'],
  OFFSITE_CA_BUNDLE: ['caBundle'],
  OFFSITE_PROVIDER: ['provider'],
  OFFSITE_PROFILE: ['profile'],
  OFFSITE_DATABASE_URL: ['dump', 'url', 'server'],
  OFFSITE_CONTAINER: ['dump', 'container', 'container'],
  OFFSITE_CONTAINER_USER: ['dump', 'user', 'container'],
  OFFSITE_CONTAINER_DATABASE: ['dump', 'database', 'container'],
  OFFSITE_CONTAINER_PASSWORD: ['dump', 'password', 'container'],
  OFFSITE_DUMP_COMMAND: ['dump', 'command', 'command'],
  OFFSITE_SIDECAR_PATH: ['sidecar', 'path'],
  OFFSITE_SIDECAR_CONTAINER: ['sidecar', 'container'],
  OFFSITE_PING_URL: ['pingUrl'],
  OFFSITE_NTFY_URL: ['ntfyUrl'],
  OFFSITE_WEBHOOK_URL: ['webhookUrl'],
  OFFSITE_NOTIFY: ['notify'],
  OFFSITE_METRICS_FILE: ['metricsFile'],
  ...guardVariables,
};

/** Settings of the environment that are not settings of an archive. */
const otherEnvironmentKeys = ['OFFSITE_CONFIG', 'OFFSITE_NOHUP', 'OFFSITE_NO_STDOUT', 'OFFSITE_FETCH_AHEAD'];

/**
 * Picks the settings out of the environment.
 *
 * @throws {@link OffsiteError} `CONFIG_INVALID` for an `OFFSITE_…` variable that is not known.
 */
export function settingsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): RawSettings {
  const known = [...Object.keys(environmentKeys), ...otherEnvironmentKeys];
  const unknown = Object.keys(environment).filter(
    (name) => name.startsWith('OFFSITE_') && !known.includes(name),
  );
  if (unknown.length > 0) {
    const meant = unknown.map((name) => closest(name, known)).find((name) => name !== undefined);
    throw new OffsiteError('CONFIG_INVALID', `unknown setting in the environment: ${unknown.join(', ')}`, {
      expected: `one of ${known.join(', ')}`,
      found: unknown.join(', '),
      hint: `unset it, or mend its name${meant === undefined ? '' : ` (${meant}?)`}`,
    });
  }
  const settings: Record<string, unknown> = {};
  for (const [name, [section, key, via]] of Object.entries(environmentKeys)) {
    const value = environment[name];
    if (value === undefined || value === '') continue;
    // As a line of a shell: a variable has no words.
    const said = key === 'command' ? ['sh', '-c', value] : value;
    const part = key === undefined ? said : { ...(via && { via }), [key]: said };
    settings[section] = isObject(settings[section]) ? { ...settings[section], ...(part as object) } : part;
  }
  return settings;
}

/** The variables that say the same as settings do, where there are any. */
export function environmentOf(settings: RawSettings): Record<string, string> {
  const found = Object.entries(environmentKeys).flatMap(([name, [section, key]]) => {
    const part = settings[section];
    const value = key === undefined ? part : (part as RawSettings | undefined)?.[key];
    if (section === 'guard' && value !== undefined) return [[name, String(value)]];
    return typeof value === 'string' ? [[name, value]] : [];
  });
  return Object.fromEntries(found);
}

/** The setting that is meant by the name of its variable, or by what it is called within its part: as a file has it. */
export function settingBy(name: string): string | undefined {
  const bareOf = (variable: string) => variable.replace(/^offsite_?/i, '');
  const variables = Object.keys(environmentKeys);
  const within = variables.find((variable) => environmentKeys[variable]?.[1] === name);
  const meant = closest(bareOf(name), variables.map(bareOf));
  const [section, key, via] = environmentKeys[within ?? `OFFSITE_${meant}`] ?? [];
  if (key === undefined) return section;
  return `${section}: { ${via === undefined ? '' : `via: ${via}, `}${key}: … }`;
}

/** The variable that says a setting here; of `dump.via`, the one that implies it. */
export function variableOf(
  [section, key]: readonly PropertyKey[],
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const says = ([name, [one, other]]: [string, readonly [string, string?, string?]]) =>
    Boolean(environment[name]) && one === section && (other === key || key === undefined || key === 'via');
  return Object.entries(environmentKeys).find(says)?.[0] ?? 'the environment';
}

/** The variable of a setting; `undefined` where there is none. */
export function variableNamed([section, key]: readonly string[]): string | undefined {
  const isIt = ([, [one, other]]: [string, readonly [string, string?, string?]]) =>
    one === section && other === key;
  return Object.entries(environmentKeys).find(isIt)?.[0];
}

export function isDumpVariable(name: string): boolean {
  return environmentKeys[name]?.[0] === 'dump';
}
