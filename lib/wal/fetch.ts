// fetch: what Postgres asks its restore_command for. It asks for one file after the other and goes on only when it has it, so
// what follows is brought with it, side by side, and given at once when it is asked for.

import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseWalFile } from '../archive/wal-names.ts';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore } from '../store/store.ts';
import { bringWal, copiesOf } from './bring.ts';
import { furthest } from './continuity.ts';
import { type Cluster, conflictError, listWal, type StoredWal } from './read-wal.ts';
import { shippedAtOnce } from './ship.ts';

export type FetchWalOptions = {
  readonly store: () => Promise<ArchiveStore>;
  readonly cluster: () => Promise<Cluster>;
  /** What is asked for. */
  readonly name: string;
  /** Where it is to be. */
  readonly path: string;
  /** How many that follow are brought with it. */
  readonly ahead: number;
  /** The segment that the log is to end with, whatever there is behind it. */
  readonly until?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Beside what Postgres asks for, so that giving it is a rename. */
const folderName = '.offsite-ahead';

/**
 * The restore_command of a recovery: what was brought ahead is given by sh, without a start of this program for each segment.
 *
 * @param fetch - Brings what is not there yet.
 */
export function restoreCommandOf(fetch: string): string {
  return `mv pg_wal/${folderName}/%f %p 2>/dev/null || ${fetch}`;
}

/** Digits that the segments of 4 GiB have in common: timeline and log. */
const commonDigits = 16;

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
  const folder = join(dirname(path), folderName);
  if (await giveAhead(folder, name, path)) return true;
  const [store, cluster] = await Promise.all([options.store(), options.cluster()]);
  const isSegment = file.kind === 'segment';
  const listed = await listWal(store, cluster, isSegment ? name.slice(0, commonDigits) : `${name}-`);
  const whole = oneOf(listed, name);
  if (whole === undefined && isSegment) {
    await assertEnd(store, cluster, name, listed);
    await dropAhead(dirname(path));
  }
  const wanted = whole ?? (isSegment ? lastCopy(listed, name) : undefined);
  if (wanted === undefined) return false;
  const bring = (wal: StoredWal, to: string) =>
    bringWal(store, cluster, wal, to, signal, copiesOf(wal, listed));
  const bringing = bring(wanted, path);
  const following = isSegment ? followers(listed, name, options.ahead) : [];
  if (following.length > 0) await mkdir(folder, { recursive: true, mode: 0o700 });
  // What is wrong with one of them is told when it is asked for.
  const ahead = following.map((wal) => bring(wal, join(folder, wal.name)));
  await Promise.allSettled([bringing, ...ahead]);
  await bringing;
  return true;
}

/** Removes what was brought ahead and not asked for. */
export async function dropAhead(walFolder: string): Promise<void> {
  await rm(join(walFolder, folderName), { recursive: true, force: true });
}

async function giveAhead(folder: string, name: string, path: string): Promise<boolean> {
  const there: string[] = await readdir(folder).catch(() => []);
  // Asked for out of order, or left by a recovery that was ended.
  for (const one of there.filter((other) => other.slice(0, 8) === name.slice(0, 8) && other < name))
    await rm(join(folder, one), { force: true });
  if (!there.includes(name)) return false;
  await rename(join(folder, name), path);
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

/** Segments are in one order, whatever their timelines. */
function isBehind(name: string, until = ''): boolean {
  const [position, last] = [name.slice(8, 24), until.slice(8, 24)];
  return until !== '' && parseWalFile(name)?.kind === 'segment' && position > last;
}

/** Those right after it, up to one that is not there, or there twice. */
function followers(listed: readonly StoredWal[], name: string, ahead: number): StoredWal[] {
  const found: StoredWal[] = [];
  let expected = Number.parseInt(name.slice(commonDigits), 16) + 1;
  for (const wal of listed.filter(({ kind, name: other }) => kind === 'segment' && other > name)) {
    const number = Number.parseInt(wal.name.slice(commonDigits), 16);
    if (number !== expected || found.length === ahead) break;
    found.push(wal);
    expected += 1;
  }
  return found.filter(({ name }) => listed.filter((wal) => wal.name === name).length === 1);
}

/** Later ones may be there before it, as many as are shipped at once; where more of them are, it does not come any more. */
async function assertEnd(
  store: ArchiveStore,
  cluster: Cluster,
  name: string,
  listed: readonly StoredWal[],
): Promise<void> {
  const next = (Number.parseInt(name.slice(8, commonDigits), 16) + 1)
    .toString(16)
    .toUpperCase()
    .padStart(8, '0');
  const further = next.length > 8 ? [] : await listWal(store, cluster, name.slice(0, 8) + next);
  const later = [...listed, ...further].filter((wal) => wal.kind === 'segment' && wal.name > name);
  if (later.length < shippedAtOnce) return;
  throw new OffsiteError('WAL_MISSING', `${name} is missing in the vault, and ${later[0]?.name} is there`, {
    expected: 'every segment up to the last',
    found: `none of this name, and ${later.length} or more after it`,
    hint: "recovery cannot go past it: 'offsite wal window' shows what can be recovered; 'offsite restore --to-latest --despite-gap' takes all before it",
  });
}
