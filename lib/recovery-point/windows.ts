// From when to when points can be recovered, by what the vault lists now.

import type { Standing } from '../archive/catalogue-of.ts';
import { readCatalogue } from '../archive/read-catalogue.ts';
import { hoursBetween } from '../base/quantities.ts';
import { ofBaseBackups } from '../basebackup/kind.ts';
import type { ArchiveStore } from '../store/store.ts';
import { settledMinutes } from '../wal/settled.ts';
import { readBaseBackups, readSettledLog } from './read-vault.ts';
import { isArriving, isBroken, lacksOwn, type Way, wayFrom } from './way.ts';

export type BaseBackupWindow = Way & {
  /** When the last log that it leads to was stored; `undefined` where there is none. */
  readonly storedAt: Date | undefined;
  /** What lacks may be on its way yet: in the midst of the log, or all that the base backup itself needs. */
  readonly arriving: boolean;
  /** What is proven of the base backup's own bytes. */
  readonly standing: Standing;
};

/** The window of each base backup of a source, along the newest timeline that it leads to; the newest first. */
export async function readWindows(
  store: ArchiveStore,
  source: string,
  now = new Date(),
): Promise<BaseBackupWindow[]> {
  const logs = new Map<string, Awaited<ReturnType<typeof readSettledLog>>>();
  const windows: BaseBackupWindow[] = [];
  const bases = await readBaseBackups(store, source);
  const judged = bases.length === 0 ? [] : await readCatalogue(store, source, { kind: ofBaseBackups });
  for (const base of bases) {
    const { cluster } = base.manifest;
    const log =
      logs.get(cluster.systemIdentifier) ?? (await readSettledLog(store, { source, ...cluster }, now));
    logs.set(cluster.systemIdentifier, log);
    const way = wayFrom(base, log.all);
    const ageMinutes = hoursBetween(new Date(base.manifest.completedAt), now) * 60;
    const isAwaited = lacksOwn(way) && !isBroken(way) && ageMinutes < settledMinutes;
    const arriving = isAwaited || isArriving(way, wayFrom(base, log.sure));
    const { begun, whole } = way.continuity;
    const standing = judged.find(({ id }) => id.id === base.id.id)?.standing ?? 'unverified';
    windows.push({ ...way, arriving, standing, storedAt: (begun ?? whole.at(-1))?.storedAt });
  }
  return windows;
}
