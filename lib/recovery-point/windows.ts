// From when to when points can be recovered, by what the vault lists now.

import type { ArchiveStore } from '../store/store.ts';
import { type ClusterLog, type Way, wayFrom } from './choose.ts';
import { readBaseBackups, readClusterLog } from './read-vault.ts';

/** What one base backup leads to. */
export type BaseBackupWindow = Way & {
  /** When the last log that it leads to was stored; `undefined` where there is none. */
  readonly storedAt: Date | undefined;
};

/** The window of each base backup of a source, along the newest timeline that it leads to; the newest first. */
export async function readWindows(store: ArchiveStore, source: string): Promise<BaseBackupWindow[]> {
  const logs = new Map<string, ClusterLog>();
  const windows: BaseBackupWindow[] = [];
  for (const base of await readBaseBackups(store, source)) {
    const { cluster } = base.manifest;
    const log = logs.get(cluster.systemIdentifier) ?? (await readClusterLog(store, { source, ...cluster }));
    logs.set(cluster.systemIdentifier, log);
    const way = wayFrom(base, log);
    const { begun, whole } = way.continuity;
    windows.push({ ...way, storedAt: (begun ?? whole.at(-1))?.storedAt });
  }
  return windows;
}
