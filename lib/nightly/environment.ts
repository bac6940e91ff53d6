// The variables that a run at night needs and nobody is there to set: where the database and the vault are, and who we are.
// One file that systemd, a shell and Compose read alike; the only one that holds secrets.

import { OffsiteError } from '../base/errors.ts';

export type Variables = Readonly<Record<string, string>>;

/** What the agent, the SDK, libpq and docker go by. Not of one's session: a terminal, a nohup. */
const wanted =
  /^(OFFSITE_(?!NO(HUP|_STDOUT)$)\w+|AWS_(?!EXECUTION_ENV$)\w+|PG[A-Z]+|DOCKER_(HOST|CONTEXT|CONFIG|CERT_PATH|TLS_VERIFY)|(HTTPS?|NO)_PROXY|(https?|no)_proxy|NODE_EXTRA_CA_CERTS|XDG_(CONFIG|STATE)_HOME)$/;

/** Those of them that name a file. */
export const namesOfFiles = [
  'OFFSITE_CONFIG',
  'OFFSITE_CA_BUNDLE',
  'OFFSITE_METRICS_FILE',
  'OFFSITE_SIDECAR_PATH',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
  'AWS_CA_BUNDLE',
  'NODE_EXTRA_CA_CERTS',
  'PGPASSFILE',
] as const;

/** Their folders are written to; and settings stand in variables. */
const seenElsewhere: ReadonlySet<string> = new Set([
  'OFFSITE_CONFIG',
  'OFFSITE_METRICS_FILE',
  'OFFSITE_SIDECAR_PATH',
]);

/**
 * What a container has to see of its host to read, as Compose mounts it: the files that its variables name, else the
 * profiles of the home; and this Node, where the program does not bring its own.
 */
export function readsOf(
  variables: Variables,
  { home, program, node }: { readonly home: string; readonly program: string; readonly node: string },
): string[] {
  const named = namesOfFiles
    .filter((name) => !seenElsewhere.has(name))
    .flatMap((name) => variables[name] ?? []);
  const { OFFSITE_PROFILE, AWS_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE } = variables;
  const isUsual = (AWS_CONFIG_FILE ?? AWS_SHARED_CREDENTIALS_FILE) === undefined;
  const hasOwnNode = node.startsWith(program.replace(/bin\/offsite$/, ''));
  return [
    ...[...new Set(named)].map((path) => `${path}:${path}`),
    ...((OFFSITE_PROFILE ?? AWS_PROFILE) !== undefined && isUsual ? [`${home}/.aws:/root/.aws`] : []),
    ...(hasOwnNode ? [] : [`${node}:/usr/local/bin/node`]),
  ];
}

/** Picks the variables that a run needs. */
export function variablesOf(environment: Readonly<Record<string, string | undefined>>): Variables {
  const found = Object.entries(environment).filter(
    (entry): entry is [string, string] => wanted.test(entry[0]) && Boolean(entry[1]),
  );
  return Object.fromEntries(found);
}

/**
 * Writes variables down.
 *
 * @throws {@link OffsiteError} `CONFIG_INVALID` for a value of several lines, which not all readers take.
 */
export function environmentText(variables: Variables): string {
  const names = Object.keys(variables).sort();
  const broken = names.find((name) => /[\n\r\0]/.test(variables[name] as string));
  if (broken !== undefined) {
    throw new OffsiteError('CONFIG_INVALID', `${broken} cannot be kept for the night`, {
      expected: 'a value of one line',
      found: 'one of several',
      hint: 'name a file instead (AWS_PROFILE, PGPASSFILE)',
    });
  }
  return names.map((name) => `${name}=${quoted(variables[name] as string)}\n`).join('');
}

/** In single quotes nobody reads anything into a value; Compose's two readers take `\$` and `` \` `` each in its own way. */
function quoted(value: string): string {
  return /['\\]/.test(value) ? `"${value.replace(/[\\"$`]/g, '\\$&')}"` : `'${value}'`;
}

/** Reads them back, also what a person has written. */
export function parseEnvironment(text: string): Variables {
  const lines = [...text.matchAll(/^(\w+)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(.*))$/gm)];
  return Object.fromEntries(
    lines.map(([, name, quoted, single, bare]) => [
      name,
      quoted?.replace(/\\(.)/g, '$1') ?? single ?? bare ?? '',
    ]),
  );
}

/** The same text without its values, to be shown. */
export function withoutValues(text: string): string {
  return text.replaceAll(/^(\w+)=.*$/gm, '$1=…');
}
