// A clock that was set back: a time is in the log more than once then. A server stops at the first transaction that ended later, and
// what ended by then is behind it, too: nobody shall take that for all there was.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eachOf } from '../base/each-of.ts';
import { OffsiteError } from '../base/errors.ts';
import { findProgram } from '../base/find-program.ts';
import type { ArchiveStore } from '../store/store.ts';
import { bringWal } from '../wal/bring.ts';
import { namesBackwards } from '../wal/continuity.ts';
import { listWal } from '../wal/read-wal.ts';
import { formatLsn, type Lsn, parseLsn, segmentAt, segmentNumber } from '../wal/segment.ts';
import { endsIn } from './last-commit.ts';
import type { Reached } from './replay.ts';
import { formatMicros, parseInstant } from './target.ts';
import type { Way } from './way.ts';

/** Sessions that end at once are not quite in the order of their times. */
const toleranceMicros = 1_000_000n;
const atOnce = 4;

/**
 * Looks behind the point for transactions that ended by then: near it closely, further on in ever fewer places, and at the log's end.
 *
 * @throws {@link OffsiteError} `RECOVERY_FAILED` if there is one.
 */
export async function assertNotSetBack(
  { store, source, folder, signal }: SetBackOptions,
  way: Way,
  micros: bigint,
  { lsn = way.base.manifest.stopLsn, stoppedBefore }: Reached,
  binDir: string,
): Promise<void> {
  const program = findProgram('pg_waldump', binDir);
  if (program === undefined || stoppedBefore === undefined) return;
  const { systemIdentifier } = way.base.manifest.cluster;
  const replayed = parseLsn(lsn) ?? 0n;
  const stoppedAt = parseInstant(stoppedBefore).micros;
  const temporary = await mkdtemp(join(tmpdir(), 'offsite-wal-'));
  try {
    const cluster = { source, systemIdentifier };
    const found = await eachOf(sampled(namesFrom(replayed, way)), atOnce, async (name) => {
      const wal = (await listWal(store, cluster, name)).find((one) => one.name === name);
      const path = join(temporary, name.slice(0, 24));
      // What went meanwhile, or cannot be read, is no matter of this recovery any more.
      if (wal === undefined) return undefined;
      await bringWal(store, cluster, wal, path, signal);
      for await (const end of endsIn(program, path, signal))
        if (end.lsn > replayed && end.micros <= micros && stoppedAt - end.micros > toleranceMicros)
          return end;
      await rm(path);
      return undefined;
    });
    const [behind] = found.filter((end) => end !== undefined);
    if (behind !== undefined) throw setBack(behind, stoppedAt, lsn, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

type SetBackOptions = {
  readonly store: ArchiveStore;
  readonly source: string;
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
};

function namesFrom(position: Lsn, { continuity, base }: Way): string[] {
  const { segmentBytes } = base.manifest.cluster;
  const first = segmentAt(position, segmentBytes);
  const names: string[] = continuity.begun === undefined ? [] : [continuity.begun.name];
  for (const name of namesBackwards(continuity.whole, segmentBytes)) {
    if (segmentNumber(name, segmentBytes) < first) break;
    names.push(name);
  }
  return names.reverse();
}

/** The first ones, two of each twofold distance, and the last. */
export function sampled<T>(items: readonly T[]): T[] {
  const places = new Set([0, 1]);
  for (let at = 2; at < items.length; at *= 2) places.add(at).add(at * 1.5);
  places.add(items.length - 1);
  return items.filter((_, at) => places.has(at));
}

function setBack(
  behind: { readonly lsn: Lsn; readonly micros: bigint },
  stoppedBefore: bigint,
  lsn: string,
  folder: string,
): OffsiteError {
  return new OffsiteError(
    'RECOVERY_FAILED',
    "the server's clock was set back: that time is in its log more than once",
    {
      expected: 'no transaction by that time behind the first that ended later',
      found: `one of ${formatMicros(behind.micros)} at ${formatLsn(behind.lsn)}, behind one of ${formatMicros(stoppedBefore)}`,
      hint: `${folder} has what was before the latter, and ends at ${lsn}: start it if that is what you look for; else remove it, and name the point otherwise (--to-lsn, --to-xid, --to-name), or a time after both`,
    },
  );
}
