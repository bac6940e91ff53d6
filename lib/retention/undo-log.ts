// undo, of the log: a base backup that is back leads nowhere without the segments that went with it.

import {
  parseWalKey,
  type WalName,
  walFolder,
  walVerdictKey,
  walVerdictsPrefix,
} from '../archive/wal-names.ts';
import { eachOf } from '../base/each-of.ts';
import type { BaseBackupManifest } from '../basebackup/manifest.ts';
import { parseLsn, segmentAt, segmentNumber } from '../wal/segment.ts';
import type { VersionHistory } from './version-history.ts';

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
