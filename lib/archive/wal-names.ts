// Names of write-ahead log in the store: Postgres's own, each with the SHA-256 of what it holds behind it. So the same bytes have
// the same key, and an agent that may create and nothing else can hand a segment in twice; other bytes have another, stand
// beside it, and are seen by anybody who lists.

import { duePrefix, sourcePattern } from './names.ts';

export const walPrefix = 'wal/';
/** Of what is damaged, one each. */
export const walVerdictsPrefix = 'wal-verdicts/';

export type WalFile = {
  readonly name: string;
  readonly timeline: number;
  /**
   * A whole segment; one that a timeline ended in; the label of a base backup; the history of a timeline. And, a name of ours: a segment
   * that was being written, as far as it went then.
   *
   * @see https://www.postgresql.org/docs/16/continuous-archiving.html
   */
  readonly kind: 'segment' | 'partial' | 'label' | 'history' | 'begun';
  /** Of a begun one: how much of it is log; the rest is zeros. */
  readonly filledBytes?: number;
};

/** A file as it is stored: the key says all of it. */
export type WalName = {
  readonly source: string;
  /** Of the cluster that wrote it, in decimal, as pg_controldata shows it. */
  readonly systemIdentifier: string;
  readonly file: WalFile;
  /** Of the file, uncompressed; 64 hex digits. */
  readonly sha256: string;
};

const filePattern =
  /^([0-9A-F]{8})(?:(\.history)|[0-9A-F]{16}(?:(\.partial)|(\.[0-9A-F]{8}\.backup)|\.([0-9A-F]{8})\.begun)?)$/;
const keyPattern = /^wal\/([^/]+)\/(\d{1,20})\/([0-9A-Fa-z.]+)-([0-9a-f]{64})\.gz$/;

/** @returns `undefined` for a name that neither Postgres hands to its archive_command nor {@link begunName} makes. */
export function parseWalFile(name: string): WalFile | undefined {
  const [, timeline = '', history, partial, label, filled] = filePattern.exec(name) ?? [];
  // There is no timeline 0.
  if (timeline === '' || timeline === '00000000') return undefined;
  if (filled !== undefined)
    return {
      name,
      timeline: Number.parseInt(timeline, 16),
      kind: 'begun',
      filledBytes: Number.parseInt(filled, 16),
    };
  const kind = history ? 'history' : partial ? 'partial' : label ? 'label' : 'segment';
  return { name, timeline: Number.parseInt(timeline, 16), kind };
}

/**
 * The name of a segment that is being written: each that goes further is another file, and of several the last in order goes furthest.
 *
 * @param filledBytes - How much of it is log.
 */
export function begunName(segment: string, filledBytes: number): string {
  return `${segment}.${filledBytes.toString(16).toUpperCase().padStart(8, '0')}.begun`;
}

/** Where the log of a cluster is; ends with a slash. */
export function walFolder({ source, systemIdentifier }: Omit<WalName, 'file' | 'sha256'>): string {
  return `${walPrefix}${source}/${systemIdentifier}/`;
}

export function walKey(name: WalName): string {
  return `${walFolder(name)}${name.file.name}-${name.sha256}.gz`;
}

/**
 * All keys of a source, as IAM writes patterns (`?` is any one character). A system identifier begins with the second in which the
 * cluster was made: it has 19 digits from 1977 to 2043.
 */
export function anyWalKeysOf(source: string): string[] {
  const any = (characters: number) => '?'.repeat(characters);
  const names = [
    any(24),
    `${any(24)}.partial`,
    `${any(24)}.${any(8)}.begun`,
    `${any(24)}.${any(8)}.backup`,
    `${any(8)}.history`,
  ];
  return names.map((name) => `${walPrefix}${source}/${any(19)}/${name}-${any(64)}.gz`);
}

/** Where it stands that a file is damaged. */
export function walVerdictKey({ source, systemIdentifier, file, sha256 }: WalName): string {
  return `${walVerdictsPrefix}${source}/${systemIdentifier}/${file.name}-${sha256}.json`;
}

/** Where it is asked for that files of a cluster's log are read; the first of them names it. */
export function dueWalKey({ source, systemIdentifier, file }: Omit<WalName, 'sha256'>): string {
  return `${duePrefix}${source}/wal/${systemIdentifier}/${file.name}.json`;
}

export function isDueWalKey(key: string): boolean {
  const [, source = '', name = ''] = /^due\/([^/]+)\/wal\/\d+\/([^/]+)\.json$/.exec(key) ?? [];
  return sourcePattern.test(source) && parseWalFile(name) !== undefined;
}

/** @returns `undefined` for any other key. */
export function parseWalKey(key: string): WalName | undefined {
  const [, source = '', systemIdentifier = '', fileName = '', sha256 = ''] = keyPattern.exec(key) ?? [];
  const file = parseWalFile(fileName);
  if (file === undefined || !sourcePattern.test(source)) return undefined;
  return { source, systemIdentifier, file, sha256 };
}
