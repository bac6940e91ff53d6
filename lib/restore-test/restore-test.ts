// The quarterly proof: an archive is restored for real, on a server made for it and thrown away afterwards, and what
// came back is compared with what was dumped. However it ends, a report is written and a mail is sent.

import { fewestKnown } from '../archive/band.ts';
import { assertSame } from '../archive/comparison.ts';
import { rowsOf } from '../archive/inventory.ts';
import { type ArchiveId, parseArchiveId } from '../archive/names.ts';
import { readHistory } from '../archive/read-history.ts';
import { readManifest } from '../archive/read-manifest.ts';
import { type Doubt, missingKinds, missingParts } from '../archive/structure.ts';
import { countedTable } from '../archive/verdict.ts';
import { OffsiteError } from '../base/errors.ts';
import { freeBytesOf } from '../base/free-bytes.ts';
import { toolVersion } from '../base/version.ts';
import { assertDiskHolds } from '../cost/task-size.ts';
import type { Mail } from '../mail/mail.ts';
import { assertServerFits } from '../postgres/server-versions.ts';
import { ask, askWithin, inSession } from '../postgres/session.ts';
import type { ThrowawayPostgres } from '../postgres/throwaway.ts';
import { describeFailure, markerMissing, nothingToCount } from '../report/failure.ts';
import { type RestoreFailure, type RestoreReport, restoreReportFormat } from '../report/report.ts';
import { compareWithInventory } from '../restore/compare.ts';
import { deliverReport } from './deliver.ts';
import { type Findings, Stages, type Subject, watchResources } from './findings.ts';
import { readIntactVerdict } from './judged-archive.ts';
import { database } from './load.ts';
import { type LoadSubjectOptions, loadSubject } from './load-subject.ts';
import { type PointTestOptions, tryPoint } from './point.ts';
import { assertChecks, type CheckFile, readChecks, runChecks } from './run-checks.ts';
import { untilStopped, withTimeLimit } from './time-limit.ts';

export type RestoreTrialOptions = LoadSubjectOptions & {
  readonly archiveId: string;
  /** Starts an empty server; it is stopped in any case. */
  readonly startServer: () => Promise<ThrowawayPostgres>;
  /** The operator's own checks, as text; those in the vault when not given. */
  readonly checks?: { readonly text: string; readonly file: string } | undefined;
  /** What the test runs in, where that is paid for. */
  readonly task?: RestoreReport['task'];
};

export type RestoreTestOptions = RestoreTrialOptions & {
  readonly sendMail: (mail: Mail) => Promise<void>;
  /** Whose prices the task has. */
  readonly region?: string | undefined;
  /** The vault's name. */
  readonly bucket?: string | undefined;
  /** Of a store that is not AWS's; by default the environment's. */
  readonly endpoint?: string | undefined;
  /** How Postgres comes to the log; without it, no point is recovered. */
  readonly point?: Pick<PointTestOptions, 'restoreCommand' | 'env' | 'seed'> | undefined;
  /** Whether somebody runs one that was interrupted again, so that nobody has to hear of it. */
  readonly isRunAgain?: boolean | undefined;
};

/**
 * Restores an archive into a throw-away server, compares everything, recovers a point where the source has base backups, reports.
 *
 * @returns The report, each part passed or failed; it is stored under the archive's reports and was mailed.
 * @throws `OffsiteError` `ARCHIVE_ID_INVALID`, or whatever kept the mail from being sent: the report may be stored. The signal's reason
 *   where it `isRunAgain`: nothing is stored.
 */
export async function restoreTest(options: RestoreTestOptions): Promise<RestoreReport> {
  const restored = await tryRestore(options);
  const point = await pointOf(restored, options);
  if (options.isRunAgain) options.signal?.throwIfAborted();
  const ended = options.now().getTime() - Date.parse(restored.startedAt);
  const report = point === undefined ? restored : { ...restored, point, durationMs: ended };
  await deliverReport(report, options);
  return report;
}

/** Once the restored database is gone from the disk. */
async function pointOf({ id, source }: RestoreReport, options: RestoreTestOptions) {
  const { point, store, checks } = options;
  if (point === undefined) return undefined;
  const questions = () => readChecks(store, parseArchiveId(id), checks);
  return tryPoint({ ...options, ...point, source, checks: questions });
}

/**
 * Restores an archive into a throw-away server and compares everything.
 *
 * @returns The report, passed or failed; it is neither stored nor mailed.
 * @throws `OffsiteError` `ARCHIVE_ID_INVALID`.
 */
export async function tryRestore(options: RestoreTrialOptions): Promise<RestoreReport> {
  const { now, signal, log = () => {} } = options;
  const id = parseArchiveId(options.archiveId);
  const startedAt = now();
  const stages = new Stages(startedAt, now, log);
  const findings: Findings = { comparisons: [], checks: [] };
  let failure: RestoreFailure | undefined;
  try {
    await prove(id, findings, stages, options);
  } catch (error) {
    failure = describeFailure(error, signal);
  }
  return {
    format: restoreReportFormat,
    id: id.id,
    source: id.source,
    startedAt: startedAt.toISOString(),
    durationMs: now().getTime() - startedAt.getTime(),
    toolVersion,
    stages: stages.list,
    ...findings,
    ...(options.task !== undefined && { task: options.task }),
    ...(failure === undefined ? { outcome: 'passed' as const } : { outcome: 'failed' as const, failure }),
  } as RestoreReport;
}

async function prove(
  id: ArchiveId,
  findings: Findings,
  stages: Stages,
  options: RestoreTrialOptions,
): Promise<void> {
  const { store, log = () => {} } = options;
  const manifest = await readManifest(store, id);
  const verdict = await readIntactVerdict(store, id);
  const checks = await readChecks(store, id, options.checks);
  options.signal?.throwIfAborted();
  const server = await stages.measure('start server', options.startServer);
  const resourcesUsed = await watchResources(server.disk);
  await untilStopped(server, log, async () => {
    const limited = { ...options, signal: withTimeLimit(manifest.plainBytes, options.signal) };
    const proving = proveOn(server, { id, manifest, verdict }, { findings, stages, checks }, limited);
    await proving.finally(async () => {
      findings.resources = await resourcesUsed();
    });
  });
}

async function proveOn(
  server: ThrowawayPostgres,
  subject: Subject,
  { findings, stages, checks }: { findings: Findings; stages: Stages; checks: CheckFile[] },
  options: RestoreTrialOptions,
): Promise<void> {
  const { signal } = options;
  const { inventory } = subject.verdict;
  const [version] = await ask(server.connection, 'SHOW server_version', { signal });
  findings.serverVersion = version?.[0] ?? 'unknown';
  assertServerFits(inventory, findings.serverVersion);
  const { plainBytes } = subject.manifest;
  if (server.disk !== undefined) assertDiskHolds(plainBytes, await freeBytesOf(server.disk));
  const { sandbox, ended } = await loadSubject(server.connection, subject, { findings, stages }, options);
  await inSession(sandbox.connection, database, signal, async (session) => {
    const inside = (sql: string) => askWithin(session, sql);
    findings.comparisons = await stages.measure('compare', () =>
      compareWithInventory(sandbox.connection, sandbox.omissions.without(inventory), { ask: inside }),
    );
    const [size] = await inside('SELECT pg_database_size(current_database())');
    if (findings.restoration) findings.restoration.databaseBytes = Number(size?.[0]);
    const counts = findings.comparisons.find(({ what }) => what === `public.${countedTable}`);
    if (typeof counts?.found === 'number') {
      const [row] = await inside(`SELECT count(*) FROM public.${countedTable}`);
      findings.torrents = Number(row?.[0]);
    }
  });
  assertSame(
    findings.comparisons,
    'the dump is not whole although it was restored without an error: look at what runs pg_dump, and back up again now (offsite backup)',
  );
  if (!ended) throw markerMissing();
  // A suspicious archive that comes so far was accepted, by somebody who was told what it lacks.
  const accepted = subject.verdict.verdict !== 'intact';
  if (findings.torrents === undefined && !accepted) throw nothingToCount(inventory.tables);
  findings.torrents ??= null;
  const lacks = accepted ? [] : await lacksOf(subject, options);
  if (lacks.length > 0) findings.lacks = lacks;
  assertNothingLacks(lacks);
  const dumpedAt = new Date(subject.manifest.startedAt);
  const facts = { dumpedAt, torrents: rowsOf(inventory, countedTable), accepted, inventory };
  findings.checks = await stages.measure('checks', () =>
    runChecks(sandbox.connection, database, checks, facts, signal),
  );
  assertChecks(findings.checks);
}

/**
 * Kinds of objects that the source's archives used to hold and this dump does not: it came back, and is not all there was.
 *
 * @returns Nothing where the archives before may not be read: that is no fault of this one (rule 13).
 */
async function lacksOf(
  { id, verdict: { inventory } }: Subject,
  { store, log = () => {} }: RestoreTrialOptions,
): Promise<Doubt[]> {
  try {
    const history = (await readHistory(store, id)).map((known) => known.inventory);
    return [...missingKinds(inventory, history, fewestKnown), ...missingParts(inventory, history[0])];
  } catch (error) {
    log(`restore-test: not compared with the archives before it: ${(error as Error).message}`);
    return [];
  }
}

/** Passes if nothing is lacking. @throws `OffsiteError` `RESTORE_CHECK_FAILED` naming each kind. */
function assertNothingLacks(lacks: readonly Doubt[]): void {
  if (lacks.length === 0) return;
  const list = (which: 'expected' | 'found') => lacks.map((one) => `${one.what}: ${one[which]}`).join('\n');
  const kinds = [...new Set(lacks.map(({ what }) => what))].join(', ');
  throw new OffsiteError('RESTORE_CHECK_FAILED', `the dump lacks what its source used to have: ${kinds}`, {
    expected: list('expected'),
    found: list('found'),
    hint: 'all that was dumped came back, but it is not the whole database: look at what runs pg_dump (-n, -t, --section, --no-… leave things out), and back up again now (offsite backup)',
  });
}
