// expire, of a kind of archive whose verdicts speak of bytes alone. The verdict goes first, then the manifest: what an interruption
// leaves is an archive of which nothing was proven, never the loss of one that was.

import { type ArchiveKind, dueKey } from '../archive/kind.ts';
import { parseArchiveId } from '../archive/names.ts';
import type { ArchiveStore } from '../store/store.ts';
import { type ExtendLock, extendLocks } from './lock.ts';
import type { RetentionPlan, RetentionPolicy } from './plan.ts';
import type { Reading } from './readings.ts';

/** What was planned of a source's archives of a kind. */
export type Planned = RetentionPlan & {
  readonly kind: ArchiveKind['name'];
  readonly readings: readonly Reading[];
  /** With base backups: of the log that they need. */
  readonly log?: readonly LogShare[];
};

/** What stays and goes of the log of one cluster. */
export type LogShare = {
  readonly systemIdentifier: string;
  readonly files: number;
  readonly expired: number;
  /** The oldest that goes, and the newest. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
};

export type ExpireOptions = {
  readonly store: ArchiveStore;
  readonly policy: RetentionPolicy;
  readonly now: Date;
  /** Plan only. */
  readonly dryRun: boolean;
  /** Locks what stays longer than its days; absent where the vault has no lock. */
  readonly extendLock?: ExtendLock | undefined;
  /** How many of a hundred archives are read again in a night; default 0. */
  readonly rereadPercent?: number | undefined;
  /** Is given each source's plan once it was carried out. Nothing is kept here: there may be a thousand of them. */
  readonly onPlan: (plan: Planned) => void;
};

/** @param check - What has to be so before anything is deleted. What was asked for by then is read again whatever it throws. */
export async function carryOut<T>(
  kind: ArchiveKind,
  { readings, ...plan }: Planned,
  options: ExpireOptions,
  check: () => Promise<T>,
): Promise<T> {
  const { store, dryRun } = options;
  if (!dryRun) await askFor(readings, kind, options);
  const checked = await check();
  if (dryRun) return checked;
  await extendLocks(plan, kind.keysOf, options);
  for (const { id } of plan.expire) {
    const { verdict, manifest } = kind.keysOf(parseArchiveId(id));
    const keys = [verdict, manifest];
    for await (const { key } of store.list(`${kind.prefix}${plan.source}/${id}.`))
      if (key !== manifest) keys.push(key);
    for (const key of keys) await store.delete(key);
  }
  return checked;
}

/** Asks that archives be read again: the event of that wakes the cloud, and the guard lists it. */
export async function askFor(
  readings: readonly Reading[],
  kind: ArchiveKind,
  { store, now }: { readonly store: ArchiveStore; readonly now: Date },
): Promise<void> {
  for (const reading of readings) {
    const asked = { format: 1, ...reading, askedAt: now.toISOString() };
    await store.write(dueKey(kind, parseArchiveId(reading.id)), `${JSON.stringify(asked)}\n`);
  }
}
