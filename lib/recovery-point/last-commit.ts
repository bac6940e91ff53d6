// When the log's last transaction ended, by the server's own reader of it: up to there a time can be recovered, and proven before
// anything large is fetched.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { ArchiveStore } from '../store/store.ts';
import { bringWal } from '../wal/bring.ts';
import { type Cluster, listWal } from '../wal/read-wal.ts';
import { type Lsn, parseLsn } from '../wal/segment.ts';
import { parseInstant } from './target.ts';

/** A quiet server's log has segments without one, but not so many in a row. */
export const segmentsRead = 32;

/**
 * Looks for the newest end of a transaction in a log.
 *
 * @param names - Of its segments, and of the one that was being written, the last one first: so they are fetched and read.
 * @param program - pg_waldump of the cluster's major version.
 * @param atMost - Of how many segments.
 * @returns Microseconds since 1970; `undefined` if there is none in the last of them, or nobody can tell.
 */
export async function lastCommit(
  store: ArchiveStore,
  cluster: Cluster,
  names: Iterable<string>,
  program: string,
  signal?: AbortSignal,
  atMost = segmentsRead,
): Promise<bigint | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'offsite-wal-'));
  try {
    let left = atMost;
    for (const name of names) {
      if (left-- === 0) return undefined;
      const wal = (await listWal(store, cluster, name)).find((one) => one.name === name);
      if (wal === undefined) return undefined;
      // pg_waldump knows them by Postgres's own names.
      const path = join(folder, wal.name.slice(0, 24));
      await bringWal(store, cluster, wal, path, signal);
      const found = await newestEnd(program, path, signal);
      await rm(path);
      if (found !== undefined) return found;
    }
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function newestEnd(program: string, path: string, signal?: AbortSignal): Promise<bigint | undefined> {
  let newest: bigint | undefined;
  for await (const { micros } of endsIn(program, path, signal))
    if (newest === undefined || micros > newest) newest = micros;
  return newest;
}

/** Ends of transactions in a segment, in their order. Its exit code says nothing: the last record may go on in the next, which is not there. */
export async function* endsIn(
  program: string,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly lsn: Lsn; readonly micros: bigint }> {
  const child = execa(program, ['--rmgr=Transaction', path], {
    env: { LC_ALL: 'C', TZ: 'UTC' },
    reject: false,
    stderr: 'ignore',
    buffer: false,
    ...(signal && { cancelSignal: signal }),
  });
  for await (const line of child) {
    const [, lsn = '', day, time] =
      /lsn: ([0-9A-F/]+),.* desc: (?:COMMIT|ABORT)(?:_PREPARED)? .*?(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d+)?) UTC/.exec(
        line,
      ) ?? [];
    if (day !== undefined) yield { lsn: parseLsn(lsn) ?? 0n, micros: parseInstant(`${day}T${time}Z`).micros };
  }
}
