// A cluster as it was at a point: looked whether the vault leads there, laid out, replayed, and told where that ended.

import { join } from 'node:path';
import type { ArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { findProgram } from '../base/find-program.ts';
import { plural } from '../base/quantities.ts';
import { unprivilegedUser } from '../postgres/unprivileged-user.ts';
import type { ArchiveStore } from '../store/store.ts';
import { dropAhead, restoreCommandOf } from '../wal/ahead.ts';
import { countOf, namesBackwards } from '../wal/continuity.ts';
import { assertLeadsTo, beforeError, beyondError, chooseBase } from './choose.ts';
import { emptyFolder } from './empty-folder.ts';
import { assertOfEpoch } from './epoch.ts';
import { lastCommit, segmentsRead } from './last-commit.ts';
import { emptyTablespaces, layOut, markForRecovery } from './lay-out.ts';
import { serverProgramsOf } from './programs.ts';
import { readBaseBackups, readClusterLog } from './read-vault.ts';
import { type Reached, replay } from './replay.ts';
import { assertNotSetBack } from './set-back.ts';
import { hasInPlace, type PlacedTablespace, placeTablespaces } from './tablespaces.ts';
import { formatMicros, type RecoveryTarget, targetSettings, walSizes } from './target.ts';
import { isBroken, reaches, type Way, wayFrom } from './way.ts';

export type RecoverOptions = {
  readonly store: ArchiveStore;
  readonly source: string;
  readonly target: RecoveryTarget;
  readonly timeline: number | undefined;
  /** With all of the log as the target: what is before the first gap is enough. */
  readonly despiteGap: boolean;
  /** The base backup that is meant; by default the newest that is older than the point. */
  readonly from: ArchiveId | undefined;
  /** The data directory to be: empty, or not there yet. */
  readonly folder: string;
  /** Other folders for tablespaces, `OLD=NEW` each; by default they lie below the data directory. */
  readonly tablespaceMappings?: readonly string[] | undefined;
  /** What Postgres runs for each file of the log: `offsite wal fetch %f %p`, which may be given more flags. */
  readonly restoreCommand: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called when all is known and nothing was fetched yet. */
  readonly onWay?: ((way: Way) => void) | undefined;
  readonly onProgress?: ((plainBytes: number) => void) | undefined;
  /** Called when all of it is laid out. */
  readonly onReplay?: (() => void) | undefined;
  readonly warn?: ((sentence: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type Recovered = Reached & { readonly way: Way; readonly tablespaces: readonly PlacedTablespace[] };

/**
 * Recovers a cluster to a point, in a folder of its own. The server has ended then: it is to be started as usual.
 *
 * @throws {@link OffsiteError} Before anything is fetched: `BASE_BACKUP_MISSING`, `POINT_OUTSIDE_WINDOW`, `WAL_MISSING`, `WAL_CONFLICT`,
 *   `FOLDER_NOT_EMPTY`, `PROGRAM_MISSING`. Later what {@link layOut} and {@link replay} throw.
 */
export async function recoverPoint(options: RecoverOptions): Promise<Recovered> {
  const { store, target, folder, env, signal } = options;
  const owner = await unprivilegedUser();
  await emptyFolder(folder, owner);
  const { base, log } = await baseOf(options);
  const tablespaces = placeTablespaces(base.manifest.tablespaces, folder, options.tablespaceMappings ?? []);
  await emptyTablespaces(tablespaces, owner);
  const { cluster } = base.manifest;
  const way = wayFrom(base, log, options.timeline);
  assertLeadsTo(way, target, options.despiteGap);
  const binDir = await serverProgramsOf(Math.floor(cluster.serverVersionNumber / 10_000));
  if (target.kind === 'time') await assertTime(options, target.micros, way, binDir);
  for (const { timeline, at, upTo } of options.timeline === undefined ? way.leaves : []) {
    options.warn?.(
      `timeline ${timeline} goes on to ${upTo}, and parts at ${at} from timeline ${way.timeline}, which is followed: what is on it after that will not be there (--timeline ${timeline} has it)`,
    );
  }
  options.onWay?.(way);
  await layOut({ store, base, folder, tablespaces, owner, onProgress: options.onProgress, signal });
  await markForRecovery(folder, owner);
  options.onReplay?.();
  // Behind it there may be log of a timeline that this way has left, and the server would take that.
  const settings = {
    restore_command: restoreCommandOf(`${options.restoreCommand} --until ${lastOf(way)}`),
    ...((await hasInPlace(folder)) && { allow_in_place_tablespaces: 'on' }),
    ...walSizes(cluster.segmentBytes),
    ...targetSettings(target, way.timeline),
  };
  const reached = await replay({
    folder,
    binDir,
    owner,
    settings,
    env,
    signal,
  }).finally(() => dropAhead(join(folder, 'pg_wal')));
  if (target.kind === 'latest') assertAll(way, reached);
  // Of one that was begun, the last record may be cut.
  if (target.kind === 'latest' && way.continuity.begun === undefined && reached.unreadable !== undefined)
    options.warn?.(
      `${reached.lastSegment}, the last of the log, was replayed up to ${reached.lsn} only: ${reached.unreadable}. So ends a segment that its server never finished; of one that it did, the rest is lost`,
    );
  if (reached.isRolledBack)
    options.warn?.(
      'that transaction was rolled back: nothing of what it did is there, and all that had committed before',
    );
  if (reached.inDoubt > 0)
    options.warn?.(
      `${plural(reached.inDoubt, 'prepared transaction')} had not ended by that point, and will hold locks: SELECT * FROM pg_prepared_xacts, and COMMIT PREPARED or ROLLBACK PREPARED each`,
    );
  if (target.kind === 'xid') await assertOfEpoch(folder, target.xid, binDir);
  if (target.kind === 'time') await assertNotSetBack(options, way, target.micros, reached, binDir);
  return { ...reached, way, tablespaces };
}

/**
 * Postgres knows that it has come to a time by a transaction that ended later: there must be one.
 *
 * @throws {@link OffsiteError} As {@link assertLeadsTo}.
 */
async function assertTime(options: RecoverOptions, micros: bigint, way: Way, binDir: string): Promise<void> {
  const { until, isKnown } = await endOf(way, binDir, options);
  const isBeyond = until === undefined ? isKnown || isBroken(way) : micros >= until;
  if (isBeyond) throw beyondError(way, until === undefined ? undefined : formatMicros(until));
  if (until === undefined) options.warn?.(unknownEnd);
}

/**
 * When the newest transaction ended that a way leads to.
 *
 * @param atMost - Of how many segments, the last ones.
 * @returns In microseconds since 1970; where there is none in them, whether that is known of the whole way.
 */
export async function endOf(
  way: Way,
  binDir: string,
  { store, source, signal }: Pick<RecoverOptions, 'store' | 'source' | 'signal'>,
  atMost = segmentsRead,
): Promise<{ readonly until: bigint | undefined; readonly isKnown: boolean }> {
  const { begun, whole } = way.continuity;
  const { systemIdentifier, segmentBytes } = way.base.manifest.cluster;
  const program = findProgram('pg_waldump', binDir);
  if (program === undefined) return { until: undefined, isKnown: false };
  function* names(): Generator<string> {
    if (begun !== undefined) yield begun.name;
    yield* namesBackwards(whole, segmentBytes);
  }
  const cluster = { source, systemIdentifier };
  const until = await lastCommit(store, cluster, names(), program, signal, atMost);
  return { until, isKnown: countOf(whole) + (begun === undefined ? 0 : 1) <= atMost };
}

const unknownEnd =
  'the newest segments hold no end of a transaction, or no pg_waldump shows it, so it cannot be said yet whether the log leads to that time: the server will say';

/** Where a timeline is named, the newest base backup that leads to it is meant. */
async function baseOf({ store, source, target, from, timeline }: RecoverOptions) {
  const bases = await readBaseBackups(store, source, from);
  if (from !== undefined && bases.length === 0) {
    throw new OffsiteError('BASE_BACKUP_MISSING', `there is no base backup ${from.id}`, {
      expected: 'the id of one',
      found: 'none of this id',
      hint: "'offsite wal window' shows those there are; without an id the newest that is older than the point is taken",
    });
  }
  const newest = chooseBase(bases, target);
  if (newest === undefined) throw beforeError(bases, source);
  const { cluster } = newest.manifest;
  const log = await readClusterLog(store, { source, ...cluster });
  const leading = bases.filter(
    (one) =>
      timeline !== undefined &&
      one.manifest.cluster.systemIdentifier === cluster.systemIdentifier &&
      reaches(one, timeline, log),
  );
  return { base: chooseBase(leading, target) ?? newest, log };
}

function lastOf({ continuity: { begun, whole } }: Way): string | undefined {
  return begun?.name ?? whole.at(-1)?.last;
}

/** Log that cannot be read looks to the server like its end. */
function assertAll(way: Way, { lastSegment, lsn }: Reached): void {
  const last = lastOf(way)?.slice(0, 24);
  if (last === undefined || (lastSegment !== undefined && lastSegment.slice(8) >= last.slice(8))) return;
  throw new OffsiteError('RECOVERY_FAILED', 'recovery ended before the log did', {
    expected: `${last}, the last segment in the vault, to be replayed`,
    found: `an end at ${lsn ?? 'no record'}, in ${lastSegment ?? 'no segment'}`,
    hint: 'what follows could not be read as log: find out what wrote it, and recover to a point before it (--to-lsn)',
  });
}
