// fetch: what Postgres asks its restore_command for. It asks for one file after the other and goes on only when it has it, so what
// follows is brought meanwhile.

import { dirname } from 'node:path';
import { parseWalFile } from '../archive/wal-names.ts';
import { OffsiteError } from '../base/errors.ts';
import { plural } from '../base/quantities.ts';
import type { ArchiveStore } from '../store/store.ts';
import { aheadFolder, bringAhead, dropAhead, giveAhead, handOver, startBringing } from './ahead.ts';
import { bringWal, copiesOf } from './bring.ts';
import { furthest } from './continuity.ts';
import { type Cluster, conflictError, listWal, type StoredWal } from './read-wal.ts';
import { aheadVariable, logEnds } from './restore-command.ts';
import { comesNext, copyWanted, isBehind } from './segment.ts';
import { isSettled } from './settled.ts';
import { shippedAtOnce } from './ship.ts';

export type FetchWalOptions = {
  readonly store: () => Promise<ArchiveStore>;
  readonly cluster: () => Promise<Cluster>;
  /** What is asked for. */
  readonly name: string;
  /** Where it is to be. */
  readonly path: string;
  /** How many that follow may lie ready. */
  readonly ahead: number;
  /** The segment that the log is to end with, whatever there is behind it; or the copy of one that was being written: that very one then. */
  readonly until?: string | undefined;
  /** Starts who brings what follows. @returns Its process. */
  readonly startBringing?: (() => number | undefined) | undefined;
  readonly now?: Date;
  readonly signal?: AbortSignal | undefined;
};

/** Digits that the segments of 4 GiB have in common: timeline and log. */
const commonDigits = 16;

/** What the program does that Postgres runs, and the one that this has started. @throws As {@link fetchWal}. */
export async function runRestoreCommand(options: FetchWalOptions): Promise<void> {
  if (process.env[aheadVariable] === undefined) {
    if (!(await fetchWal({ ...options, startBringing }))) logEnds();
    return;
  }
  const [store, cluster] = await Promise.all([options.store(), options.cluster()]);
  await bringAhead({ ...options, store, cluster, folder: await aheadFolder(options.path) });
}

/**
 * Brings a file of the log to where Postgres wants it.
 *
 * @returns Whether there is one. None is where the log ends.
 * @throws {@link OffsiteError} If it cannot be had though there is one, or nobody can tell: `WAL_MISSING` where it lacks in the midst of the log,
 *   `WAL_CONFLICT`, `ARCHIVE_DAMAGED`, or what the store says. To take that for the end would lose what comes after.
 */
export async function fetchWal(options: FetchWalOptions): Promise<boolean> {
  const { name, path, signal } = options;
  const file = parseWalFile(name);
  // Postgres asks for others, too: nothing of that kind is ever stored.
  if (file === undefined || isBehind(name, options.until)) return false;
  const folder = await aheadFolder(path);
  if (await giveAhead(folder, name, path)) return true;
  const [store, cluster] = await Promise.all([options.store(), options.cluster()]);
  const isSegment = file.kind === 'segment';
  const listed = await listWal(store, cluster, isSegment ? name.slice(0, commonDigits) : `${name}-`);
  const last = copyWanted(name, options.until);
  const whole = oneOf(listed, last ?? name);
  if (whole === undefined && isSegment && last === undefined) {
    await assertEnd(store, cluster, name, listed, options.now);
    await dropAhead(dirname(path));
  }
  const wanted = whole ?? (isSegment && last === undefined ? lastCopy(listed, name) : undefined);
  if (wanted === undefined) return false;
  const next = listed.find((wal) => wal.kind === 'segment' && comesNext(name, wal.name))?.name;
  if (options.startBringing !== undefined && isSegment && options.ahead > 0 && next !== undefined)
    await handOver(folder, next, options.startBringing);
  await bringWal(store, cluster, wanted, path, signal, copiesOf(wanted, listed));
  return true;
}

/** @throws {@link OffsiteError} `WAL_CONFLICT` */
function oneOf(listed: readonly StoredWal[], name: string): StoredWal | undefined {
  const found = listed.filter((wal) => wal.name === name);
  if (found.length > 1)
    throw conflictError(
      name,
      'one file of this name',
      found.map(({ sha256 }) => sha256),
    );
  return found[0];
}

/** Of the segment that was being written when the log ended. @throws {@link OffsiteError} `WAL_CONFLICT` */
function lastCopy(listed: readonly StoredWal[], segment: string): StoredWal | undefined {
  const last = furthest(listed, segment);
  return last && oneOf(listed, last.name);
}

/**
 * Later ones may be there before it, as many as are shipped at once, and for minutes; where more of them are, or for longer, or one was
 * begun then, it does not come any more.
 */
async function assertEnd(
  store: ArchiveStore,
  cluster: Cluster,
  name: string,
  listed: readonly StoredWal[],
  now = new Date(),
): Promise<void> {
  const next = (Number.parseInt(name.slice(8, commonDigits), 16) + 1)
    .toString(16)
    .toUpperCase()
    .padStart(8, '0');
  const further = next.length > 8 ? [] : await listWal(store, cluster, name.slice(0, 8) + next);
  const later = [...listed, ...further].filter(
    (wal) => (wal.kind === 'segment' || wal.kind === 'begun') && wal.name.slice(0, name.length) > name,
  );
  const isArriving = !later.some((wal) => isSettled(wal, now));
  if (isArriving && later.filter(({ kind }) => kind === 'segment').length < shippedAtOnce) return;
  throw new OffsiteError('WAL_MISSING', `${name} is missing in the vault, and ${later[0]?.name} is there`, {
    expected: 'every segment up to the last',
    found: `none of this name, and ${plural(later.length, 'file')} or more after it`,
    hint: "recovery cannot go past it: 'offsite wal window' shows what can be recovered; 'offsite restore --to-latest --despite-gap' takes all before it",
  });
}
