// What archives are of: the database, or the dashboard's own. Both are named, kept, listed and brought back by the same rules.

import { parseManifest } from './manifest.ts';
import {
  type ArchiveId,
  archiveKeys,
  archivesPrefix,
  duePrefix,
  isArchiveId,
  parseArchiveId,
  parseKey,
  verdictsPrefix,
  type Whose,
} from './names.ts';

export type ArchivePart = 'archive' | 'verdict' | 'manifest';

/** What every manifest says of its archive's bytes. */
export type StoredBytes = {
  readonly id: string;
  readonly versionId: string | null;
  readonly compressedBytes: number;
};

export type ArchiveKind = {
  /** Of archives and manifests, and of verdicts. */
  readonly prefix: string;
  readonly verdictsPrefix: string;
  /** Of requests to read one again, within its source's. */
  readonly dueFolder: '' | 'sidecar/' | 'basebackup/';
  keysOf(id: Whose): Readonly<Record<ArchivePart, string>>;
  /** What lies beside it, and is no part that anybody lists. */
  besides?(id: ArchiveId): readonly string[];
  /** @returns `undefined` for a key that is none of this kind's. */
  parseKey(key: string): { readonly id: ArchiveId; readonly part: string } | undefined;
  /** @throws {@link OffsiteError} if it cannot be trusted. */
  parseManifest(text: string, id: ArchiveId): StoredBytes;
};

export const ofDatabase: ArchiveKind = {
  prefix: archivesPrefix,
  verdictsPrefix,
  dueFolder: '',
  keysOf: archiveKeys,
  parseKey,
  parseManifest,
};

/** Where it is asked for that an archive is read again. */
export function dueKey({ dueFolder }: Pick<ArchiveKind, 'dueFolder'>, { id, source }: Whose): string {
  return `${duePrefix}${source}/${dueFolder}${id}.json`;
}

/** @returns Which archive of a kind is to be read again; `undefined` for any other key. */
export function parseDueKey(kind: Pick<ArchiveKind, 'dueFolder'>, key: string): ArchiveId | undefined {
  const name = key.slice(key.lastIndexOf('/') + 1).replace(/\.json$/, '');
  const id = isArchiveId(name) ? parseArchiveId(name) : undefined;
  return id && dueKey(kind, id) === key ? id : undefined;
}
