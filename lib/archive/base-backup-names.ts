// Names of base backups in the store: under a prefix of their own, with ids as archives have them.

import { type ArchiveId, isArchiveId, manifestSuffix, parseArchiveId } from './names.ts';

export const baseBackupsPrefix = 'basebackups/';
export const baseBackupVerdictsPrefix = 'basebackup-verdicts/';

const suffixes = {
  /** The data directory as pg_basebackup gives it. */
  tar: '.tar.gz',
  /** What the server says that is in it, as it says it. */
  serverManifest: '.backup_manifest',
  /** The commit record, written last. */
  manifest: manifestSuffix,
} as const;

export type BaseBackupKeys = Readonly<Record<keyof typeof suffixes, string>>;

/** Where a base backup's files are in the bucket. */
export function baseBackupKeys({ id, source }: Pick<ArchiveId, 'id' | 'source'>): BaseBackupKeys {
  const stem = `${baseBackupsPrefix}${source}/${id}`;
  const { tar, serverManifest, manifest } = suffixes;
  return { tar: stem + tar, serverManifest: stem + serverManifest, manifest: stem + manifest };
}

/** Where it stands what re-reading it showed. */
export function baseBackupVerdictKey({ id, source }: Pick<ArchiveId, 'id' | 'source'>): string {
  return `${baseBackupVerdictsPrefix}${source}/${id}.json`;
}

/** @returns Whose key it is and which of the three; `undefined` for any other key. */
export function parseBaseBackupKey(
  key: string,
): { readonly id: ArchiveId; readonly part: keyof BaseBackupKeys } | undefined {
  const name = key.slice(key.lastIndexOf('/') + 1);
  for (const [part, suffix] of Object.entries(suffixes) as [keyof BaseBackupKeys, string][]) {
    const stem = name.slice(0, -suffix.length);
    if (!name.endsWith(suffix) || !isArchiveId(stem)) continue;
    const id = parseArchiveId(stem);
    if (baseBackupKeys(id)[part] === key) return { id, part };
  }
  return undefined;
}
