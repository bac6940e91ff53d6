// undo: brings an archive back that was expired, or deleted by hand, while its versions live.

import type { ArchiveKind, ArchivePart, StoredBytes } from '../archive/kind.ts';
import type { ArchiveId } from '../archive/names.ts';
import {
  parseWalKey,
  type WalName,
  walFolder,
  walVerdictKey,
  walVerdictsPrefix,
} from '../archive/wal-names.ts';
import { eachOf } from '../base/each-of.ts';
import { OffsiteError } from '../base/errors.ts';
import { jsonText } from '../base/parse-json.ts';
import type { BaseBackupManifest } from '../basebackup/manifest.ts';
import type { ArchiveStore } from '../store/store.ts';
import { parseLsn, segmentAt, segmentNumber } from '../wal/segment.ts';
import { holdKey, parseHold, placeHold } from './hold.ts';
import {
  type ArchiveHistory,
  assertBytesLive,
  assertManifestsBytes,
  canBeUndone,
  type KeyHistory,
  livesUntil,
  notExpired,
  undoOrder,
} from './undo-plan.ts';
import type { VersionHistory } from './version-history.ts';

export type UndoOptions = {
  readonly store: ArchiveStore;
  readonly history: VersionHistory;
  readonly kind: ArchiveKind;
  readonly id: ArchiveId;
  /** For how long retention must leave it alone. */
  readonly holdDays: number;
  readonly now: Date;
};

export type Undone = {
  readonly manifest: StoredBytes;
  /** What was deleted and is back; nothing if an earlier run had brought all of it back. */
  readonly broughtBack: readonly ArchivePart[];
  readonly heldUntil: Date;
  /** When its versions would have been removed; `undefined` where that cannot be read. */
  readonly wouldHaveGoneAt: Date | undefined;
};

/**
 * Brings an archive back and holds it.
 *
 * @throws {@link OffsiteError} `ARCHIVE_MISSING`, `ARCHIVE_GONE`, `ARCHIVE_CHANGED` or `ARCHIVE_NOT_EXPIRED`, before
 *   anything is changed; whatever the store refuses, after which another run goes on.
 * @remarks The hold goes first, so that no retention takes away what is half back; the manifest comes last, so that
 *   nobody takes what is half back for an archive. Of an archive that an earlier run brought back, the hold begins anew.
 */
export async function undo(options: UndoOptions): Promise<Undone> {
  const { store, history, kind, id, holdDays, now } = options;
  const keys = kind.keysOf(id);
  const traces = await traceOf(options);
  assertBytesLive(id, keys, traces);
  const manifest = await readManifestVersion(options, traces.manifest);
  assertManifestsBytes(manifest, traces.archive);
  const deleted = undoOrder.filter((part) => traces[part].deletedAt !== undefined && traces[part].newest);
  if (deleted.length === 0 && !(await isHeld(store, id))) throw notExpired(id);
  const undoDays = await history.undoDays();
  const hold = placeHold(id.id, holdDays, now);
  await store.write(holdKey(id), jsonText(hold));
  for (const key of kind.besides?.(id) ?? []) await history.bringBack(key);
  for (const part of deleted) await history.bringBack(keys[part]);
  await assertBack(options, manifest);
  return {
    manifest,
    broughtBack: deleted,
    heldUntil: new Date(hold.until),
    wouldHaveGoneAt: undoDays === undefined ? undefined : livesUntil(traces, undoDays),
  };
}

/** Reads what was brought back: a store that took the request need not have done it. */
async function assertBack({ store, kind, id }: UndoOptions, { compressedBytes }: StoredBytes): Promise<void> {
  const keys = kind.keysOf(id);
  const manifest = await store.readText(keys.manifest);
  const archive = await store.open(keys.archive);
  archive?.body.destroy();
  if (manifest !== undefined && archive?.bytes === compressedBytes) return;
  throw new OffsiteError('STORE_FAILED', `${id.id} was asked back, and is not there`, {
    expected: `its manifest, and ${compressedBytes} bytes`,
    found: [
      manifest === undefined ? 'no manifest' : 'its manifest',
      archive === undefined ? 'no archive' : `${archive.bytes} bytes`,
    ].join(', '),
    hint: 'this store does not take delete markers away as S3 does: copy the versions by hand while they live (aws s3api list-object-versions)',
  });
}

/** A deleted archive that can be brought back. */
export type Undoable = {
  readonly id: ArchiveId;
  readonly deletedAt: Date;
  readonly compressedBytes: number;
  /** `undefined` where the bucket's lifecycle cannot be read. */
  readonly livesUntil: Date | undefined;
};

/** Finds the archives of a source that can be brought back, newest first. */
export async function findUndoable(
  history: VersionHistory,
  kind: ArchiveKind,
  source: string,
): Promise<Undoable[]> {
  const found = await history.histories(`${kind.prefix}${source}/`);
  const undoDays = await history.undoDays();
  const ids = [...found.keys()].flatMap((key) => {
    const parsed = kind.parseKey(key);
    return parsed?.part === 'manifest' ? [parsed.id] : [];
  });
  return ids
    .map((id) => ({ id, traces: tracesIn(found, kind, id) }))
    .filter(({ traces }) => canBeUndone(traces))
    .map(({ id, traces }) => ({
      id,
      deletedAt: traces.manifest.deletedAt ?? traces.archive.deletedAt ?? new Date(0),
      compressedBytes: traces.archive.newest?.bytes ?? 0,
      livesUntil: undoDays === undefined ? undefined : livesUntil(traces, undoDays),
    }))
    .sort((one, other) => other.id.takenAt.getTime() - one.id.takenAt.getTime());
}

async function traceOf({ history, kind, id }: UndoOptions): Promise<ArchiveHistory> {
  const ofArchive = await history.histories(`${kind.prefix}${id.source}/${id.id}`);
  const ofVerdict = await history.histories(`${kind.verdictsPrefix}${id.source}/${id.id}`);
  return tracesIn(new Map([...ofArchive, ...ofVerdict]), kind, id);
}

function tracesIn(found: ReadonlyMap<string, KeyHistory>, kind: ArchiveKind, id: ArchiveId): ArchiveHistory {
  const { archive, manifest, verdict } = kind.keysOf(id);
  const of = (key: string): KeyHistory => found.get(key) ?? {};
  return { archive: of(archive), manifest: of(manifest), verdict: of(verdict) };
}

async function readManifestVersion(
  { store, kind, id }: UndoOptions,
  { newest }: KeyHistory,
): Promise<StoredBytes> {
  const opened = await store.open(kind.keysOf(id).manifest, newest?.versionId);
  const text = opened === undefined ? '' : Buffer.concat(await opened.body.toArray()).toString('utf8');
  return kind.records.parse(text, id);
}

async function isHeld(store: ArchiveStore, id: ArchiveId): Promise<boolean> {
  const stored = await store.readText(holdKey(id));
  return stored !== undefined && parseHold(stored.text, id.id) !== undefined;
}

const atOnce = 8;

/**
 * Brings back what was deleted of the log from a base backup on, and what is known to be damaged in it, while its versions live. Retention leaves it alone as long as it does
 * the base backup.
 *
 * @returns How many files are back.
 */
export async function undoLog(
  history: VersionHistory,
  { source, cluster, startLsn }: BaseBackupManifest,
): Promise<number> {
  const { systemIdentifier, segmentBytes } = cluster;
  const first = segmentAt(parseLsn(startLsn) ?? 0n, segmentBytes);
  const found = await history.histories(walFolder({ source, systemIdentifier }));
  const needed = [...found].flatMap(([key, { deletedAt, newest }]) => {
    const file = parseWalKey(key)?.file;
    if (deletedAt === undefined || newest === undefined || file === undefined) return [];
    const isNeeded =
      file.kind === 'history' || (file.kind === 'segment' && segmentNumber(file.name, segmentBytes) >= first);
    return isNeeded ? [key] : [];
  });
  await eachOf(needed, atOnce, (key) => history.bringBack(key));
  // What is known of them: else it would count as whole until it is read again.
  const verdicts = await history.histories(`${walVerdictsPrefix}${source}/${systemIdentifier}/`);
  const gone = needed
    .map((key) => walVerdictKey(parseWalKey(key) as WalName))
    .filter((key) => verdicts.get(key)?.deletedAt);
  await eachOf(gone, atOnce, (key) => history.bringBack(key));
  return needed.length;
}
