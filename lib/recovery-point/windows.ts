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
    const { systemIdentifier } = base.manifest.cluster;
    const log = logs.get(systemIdentifier) ?? (await readClusterLog(store, { source, systemIdentifier }));
    logs.set(systemIdentifier, log);
    const way = wayFrom(base, log);
    const { begun, whole } = way.continuity;
    const last = begun ?? log.files.find(({ name }) => name === whole.at(-1));
    windows.push({ ...way, storedAt: last?.storedAt });
  }
  return windows;
}
