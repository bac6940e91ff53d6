// The quarterly proof of point-in-time recovery: a cluster is recovered to any point of those that are promised, and held against what
// is known of it. A source without base backups promises none.

import { randomBytes } from 'node:crypto';
import { chown, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OffsiteError } from '../base/errors.ts';
import { makeThrowawayFolder } from '../postgres/throwaway-folder.ts';
import { unprivilegedUser } from '../postgres/unprivileged-user.ts';
import { assertLeadsTo } from '../recovery-point/choose.ts';
import { serverProgramsOf } from '../recovery-point/programs.ts';
import { readSettledLog } from '../recovery-point/read-vault.ts';
import { endOf, type Recovered, recoverPoint } from '../recovery-point/recover.ts';
import { formatMicros, parseInstant } from '../recovery-point/target.ts';
import { type BaseBackup, type Way, wayFrom } from '../recovery-point/way.ts';
import { describeFailure } from '../report/failure.ts';
import type { CheckResult, PointReport, RestoreFailure } from '../report/report.ts';
import type { ArchiveStore } from '../store/store.ts';
import { countOf } from '../wal/continuity.ts';
import { historyName, parseHistory } from '../wal/history.ts';
import { newestBase } from './point-base.ts';
import { assertRecovered, checkRecovered } from './point-checks.ts';
import { choosePoint } from './random-point.ts';
import { startRecovered } from './recovered-server.ts';
import type { CheckFile } from './run-checks.ts';
import { untilStopped, withTimeLimit } from './time-limit.ts';

export type PointTestOptions = {
  readonly store: ArchiveStore;
  readonly source: string;
  /** What the database is asked. */
  readonly checks: () => Promise<readonly CheckFile[]>;
  /** What Postgres runs for each file of the log, with `%f %p`, and its environment. */
  readonly restoreCommand: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By chance where it is not given. */
  readonly seed?: string | undefined;
  readonly now: () => Date;
  readonly log?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

type Found = {
  -readonly [Key in keyof Omit<PointReport, 'outcome' | 'durationMs' | 'checks'>]: PointReport[Key];
} & { checks: CheckResult[] };

/**
 * Recovers a source to a point of its window, and compares.
 *
 * @returns `undefined` of a source without base backups; otherwise passed or failed, whatever happens.
 */
export async function tryPoint(options: PointTestOptions): Promise<PointReport | undefined> {
  const { store, source, now, signal, seed = randomBytes(8).toString('hex'), log = () => {} } = options;
  const startedAt = now();
  const found: Found = { seed, checks: [] };
  let failure: RestoreFailure | undefined;
  try {
    const base = await newestBase(store, source);
    if (base === undefined) return undefined;
    found.baseBackup = base.id.id;
    log(`restore-test: recovers a point from ${base.id.id}, chosen by the seed ${seed}`);
    await provePoint(base, found, options);
    assertRecovered(found.checks);
  } catch (error) {
    failure = describeFailure(error, signal);
  }
  const durationMs = now().getTime() - startedAt.getTime();
  if (failure === undefined) return { outcome: 'passed', durationMs, ...found };
  return { outcome: 'failed', durationMs, ...found, failure };
}

async function provePoint(base: BaseBackup, found: Found, options: PointTestOptions): Promise<void> {
  const { store, source, now } = options;
  const { cluster, plainBytes } = base.manifest;
  const { sure } = await readSettledLog(store, { source, ...cluster }, now());
  const way = wayFrom(base, sure);
  // A promotion is known at once, and the segment that it came in later: the point is before that.
  assertLeadsTo({ ...way, knownTo: 0n }, { kind: 'latest' }, false);
  const binDir = await programsFor(cluster.serverVersionNumber);
  const logBytes = countOf(way.continuity.whole) * cluster.segmentBytes;
  const signal = withTimeLimit(plainBytes + logBytes, options.signal);
  const within = { ...options, signal };
  const micros = await chooseOn(way, binDir, found, within);
  const made = await makeThrowawayFolder('offsite-point-');
  const { directory } = made;
  const owner = await unprivilegedUser();
  if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
  try {
    const recovered = await recoverPoint({
      ...within,
      target:
        micros === undefined ? { kind: 'immediate' } : { kind: 'time', micros, text: formatMicros(micros) },
      timeline: way.timeline,
      despiteGap: false,
      from: base.id,
      folder: join(directory, 'data'),
    });
    found.lastTransactionAt = recovered.lastTransactionAt;
    await compare(directory, binDir, { recovered, base, micros, found }, within);
  } finally {
    await made.remove();
  }
}

/** Notes between which points one is chosen, and which. @returns `undefined` where there is nothing after the base backup. */
async function chooseOn(
  way: Way,
  binDir: string,
  found: Found,
  options: PointTestOptions,
): Promise<bigint | undefined> {
  const from = BigInt(Date.parse(way.base.manifest.consistentAt)) * 1000n;
  const { until } = await endOf(way, binDir, options, Number.POSITIVE_INFINITY);
  found.timeline = way.timeline;
  const micros = until === undefined ? undefined : choosePoint({ from, until }, found.seed);
  if (until === undefined || micros === undefined) return undefined;
  found.window = { from: formatMicros(from), until: formatMicros(until) };
  found.target = formatMicros(micros);
  return micros;
}

/** What the image lacks is told in the words of whoever can change that. */
async function programsFor(serverVersionNumber: number): Promise<string> {
  const major = Math.floor(serverVersionNumber / 10_000);
  return serverProgramsOf(major).catch((error: unknown) => {
    if (!(error instanceof OffsiteError)) throw error;
    throw new OffsiteError(error.code, error.message, {
      ...error,
      hint: `a base backup is recovered by its own major version alone: in the cloud, set postgresMajor: ${major} and deploy again; elsewhere install it`,
    });
  });
}

type Comparison = {
  readonly recovered: Recovered;
  readonly base: BaseBackup;
  readonly micros: bigint | undefined;
  readonly found: Found;
};

async function compare(
  directory: string,
  binDir: string,
  { recovered, base, micros, found }: Comparison,
  { checks, signal, log = () => {} }: PointTestOptions,
): Promise<void> {
  const { systemIdentifier, serverVersionNumber } = base.manifest.cluster;
  const { timeline = 0, lastTransactionAt, way } = recovered;
  const history = await readFile(join(directory, 'data', 'pg_wal', historyName(timeline)), 'utf8').catch(
    () => '',
  );
  const reachedAt = lastTransactionAt === undefined ? undefined : parseInstant(lastTransactionAt).micros;
  const server = await startRecovered(binDir, directory, Math.floor(serverVersionNumber / 10_000), signal);
  await untilStopped(server, log, async () => {
    found.checks = await checkRecovered(server, {
      systemIdentifier,
      timeline,
      leftTimeline: { expected: way.timeline, found: parseHistory(history)?.at(-1)?.timeline },
      point: { micros, reachedAt, from: new Date(base.manifest.consistentAt) },
      checks: await checks(),
      signal,
    });
  });
}
