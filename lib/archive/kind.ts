// What archives are of: the database, or the dashboard's own. Both are named, kept, listed and brought back by the same rules.

import { parseManifest } from './manifest.ts';
import {
  type ArchiveId,
  type ArchiveKeys,
  archiveKeys,
  archivesPrefix,
  parseKey,
  verdictsPrefix,
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
  keysOf(id: Pick<ArchiveId, 'id' | 'source'>): Pick<ArchiveKeys, ArchivePart>;
  /** What lies beside it, and is no part that anybody lists. */
  besides?(id: ArchiveId): readonly string[];
  /** @returns `undefined` for a key that is none of this kind's. */
  parseKey(key: string): { readonly id: ArchiveId; readonly part: ArchivePart } | undefined;
  /** @throws {@link OffsiteError} if it cannot be trusted. */
  parseManifest(text: string, id: ArchiveId): StoredBytes;
};

export const ofDatabase: ArchiveKind = {
  prefix: archivesPrefix,
  verdictsPrefix,
  keysOf: archiveKeys,
  parseKey,
  parseManifest,
};
