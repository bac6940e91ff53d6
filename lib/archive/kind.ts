// What archives are of: the database, the dashboard's own, or the whole cluster (base backups). All are named, kept, listed, judged and
// brought back by the same rules.

import type * as z from 'zod';
import type { ByteVerdict, byteVerdictSchema } from './byte-verdict.ts';
import type { Records } from './commit-record.ts';
import { type Manifest, ofDumps } from './manifest.ts';
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
import { type Verdict, verdictSchema } from './verdict.ts';

export type ArchivePart = 'archive' | 'verdict' | 'manifest';

/** What every manifest says of its archive's bytes. */
export type StoredBytes = Pick<Manifest, 'id' | 'source' | 'versionId' | 'compressedBytes'>;

/** What archives of a kind are called in mails and errors, and the commands that concern them. */
export type KindWords = {
  readonly named: string;
  /** Makes another one. */
  readonly again: string;
  readonly list: string;
  readonly undoFlag: '' | ' --sidecar' | ' --base-backup';
};

export type ArchiveKind = {
  readonly name: 'database' | 'sidecar' | 'base backup';
  readonly words: KindWords;
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
  readonly records: Records<StoredBytes>;
  readonly verdictSchema: z.ZodType<Verdict | ByteVerdict>;
};

/** A kind whose verdicts speak of bytes alone. */
export type ByteKind = ArchiveKind & {
  readonly verdictSchema: typeof byteVerdictSchema;
  readonly words: {
    /** What it means that its bytes are others, and what is not concerned by it. */
    readonly damaged: string;
    readonly unconcerned: string;
    readonly advice: string;
    /** What stays of its kind. */
    readonly rest: string;
  };
};

export const ofDatabase: ArchiveKind = {
  name: 'database',
  words: { named: 'archive', again: 'offsite backup', list: 'offsite list', undoFlag: '' },
  prefix: archivesPrefix,
  verdictsPrefix,
  dueFolder: '',
  keysOf: archiveKeys,
  parseKey,
  records: ofDumps,
  verdictSchema,
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
