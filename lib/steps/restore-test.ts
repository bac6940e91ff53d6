// The quarterly proof: an archive is restored for real, on a server made for it and thrown away afterwards, and what
// came back is compared with what was dumped. However it ends, a report is written and a mail is sent.

import { isAccepted } from '../core/acceptance.ts';
import { type ArchiveId, archiveKeys, parseArchiveId } from '../core/archive.ts';
import type { CheckResult } from '../core/check-result.ts';
import type { Comparison } from '../core/comparison.ts';
import { OffsiteError } from '../core/errors.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Mail } from '../core/mail.ts';
import type { Manifest } from '../core/manifest.ts';
import { formatBytes, formatDuration } from '../core/quantities.ts';
import {
  type RestoreFailure,
  type RestoreReport,
  type RestoreStage,
  restoreReportFormat,
  restoreReportKey,
  type StageName,
  serializeRestoreReport,
} from '../core/restore-report.ts';
import { restoreTestMail } from '../core/restore-test-mail.ts';
import { countedTable, type Verdict, verdictSchema } from '../core/verdict.ts';
import { toolVersion } from '../core/version.ts';
import type { ArchiveStore, OpenObject } from '../io/archive-store.ts';
import type { Connection } from '../io/connection.ts';
import { query } from '../io/postgres.ts';
import { readAcceptance } from './catalogue.ts';
import { assertSame, compareWithInventory } from './compare.ts';
import { inflateArchive } from './inflate-archive.ts';
import { readManifest } from './manifest.ts';
import { openArchive } from './open-archive.ts';
import { restore } from './restore.ts';

export type RestoreTestOptions = {
  readonly store: ArchiveStore;
  readonly archiveId: string;
  /** Starts an empty server; it is stopped in any case. */
  readonly startServer: () => Promise<{ readonly connection: Connection; stop(): Promise<void> }>;
  readonly sendMail: (mail: Mail) => Promise<void>;
  readonly now: () => Date;
  readonly log?: ((line: string) => void) | undefined;
  /** Where psql is. */
  readonly binDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Of an archive that counts as intact: a suspicious one does once the operator has accepted it. */
type IntactVerdict = Extract<Verdict, { verdict: 'intact' | 'suspicious' }>;

/** What is known so far; a failure reports as much of it as there is. */
type Findings = {
  startedAt: Date;
  stages: RestoreStage[];
  comparisons: Comparison[];
  checks: CheckResult[];
  archive?: NonNullable<RestoreReport['archive']>;
  serverVersion?: string;
  torrents?: number;
};

const database = 'restore_test';
const progressEveryMs = 10_000;

/**
 * Restores an archive into a throw-away server, compares everything, reports.
 *
 * @returns The report, passed or failed; it is stored under the archive's reports and was mailed.
 * @throws `OffsiteError` `ARCHIVE_ID_INVALID`, or whatever kept the report from being stored or mailed: the other of
 *   the two was still tried.
 */
export async function restoreTest(options: RestoreTestOptions): Promise<RestoreReport> {
  const { now, signal } = options;
  const id = parseArchiveId(options.archiveId);
  const startedAt = now();
  const findings: Findings = { startedAt, stages: [], comparisons: [], checks: [] };
  let failure: RestoreFailure | undefined;
  try {
    await prove(id, findings, options);
  } catch (error) {
    failure = describeFailure(
      signal?.aborted && signal.reason instanceof OffsiteError ? signal.reason : error,
    );
  }
  const report = {
    format: restoreReportFormat,
    id: id.id,
    source: id.source,
    durationMs: now().getTime() - startedAt.getTime(),
    toolVersion,
    ...findings,
    startedAt: startedAt.toISOString(),
    ...(failure === undefined ? { outcome: 'passed' as const } : { outcome: 'failed' as const, failure }),
  } as RestoreReport;
  await deliver(report, restoreReportKey(id, startedAt), options);
  return report;
}

async function prove(id: ArchiveId, findings: Findings, options: RestoreTestOptions): Promise<void> {
  const { store, signal } = options;
  const log = options.log ?? (() => {});
  const measure = measureInto(findings, options);
  const manifest = await readManifest(store, id);
  const verdict = await readIntactVerdict(store, id);
  signal?.throwIfAborted();
  const server = await measure('start server', options.startServer);
  try {
    const { connection } = server;
    const inside = { database, binDir: options.binDir, signal };
    const [version] = await query(connection, 'SHOW server_version', { binDir: options.binDir });
    findings.serverVersion = version?.[0] ?? 'unknown';
    const opened = await openJudged(store, id, manifest, verdict);
    const { etag, versionId } = opened;
    const { compressedBytes, plainBytes } = manifest;
    findings.archive = { key: archiveKeys(id).archive, etag, versionId, compressedBytes, plainBytes };
    await load(connection, opened, { manifest, roles: verdict.inventory.roles }, findings, options);
    findings.comparisons = await measure('compare', () =>
      compareWithInventory(connection, verdict.inventory, inside),
    );
    const counts = findings.comparisons.find(({ what }) => what === `public.${countedTable}`);
    if (typeof counts?.found === 'number') {
      const [row] = await query(connection, `SELECT count(*) FROM ${countedTable}`, inside);
      findings.torrents = Number(row?.[0]);
    }
    assertSame(findings.comparisons);
    if (findings.torrents === undefined) throw nothingToCount();
  } finally {
    await server.stop().catch((error) => log(`restore-test: stopping the server failed: ${error}`));
  }
}

/** Streams the archive into the server; the time until its last byte and the time after it are stages of their own. */
async function load(
  connection: Connection,
  { body }: OpenObject,
  { manifest, roles }: { manifest: Manifest; roles: Inventory['roles'] },
  { stages, startedAt }: Findings,
  { now, binDir, signal, log = () => {} }: RestoreTestOptions,
): Promise<void> {
  const began = now();
  let ended: Date | undefined;
  const { dump, progress } = inflateArchive(body, manifest, signal);
  async function* noticingEnd(): AsyncGenerator<Buffer> {
    yield* dump;
    ended = now();
  }
  const ticker = setInterval(() => {
    const rest = ended === undefined ? '' : ': all read, making indexes and keys';
    log(
      `restore-test: ${formatBytes(progress.compressedBytes)} of ${formatBytes(manifest.compressedBytes)} read, ` +
        `${formatBytes(progress.plainBytes)} of ${formatBytes(manifest.plainBytes)} loaded${rest}`,
    );
  }, progressEveryMs);
  try {
    await restore({ connection, database, dump: noticingEnd(), roles, createRoles: true, binDir, signal });
  } finally {
    clearInterval(ticker);
    body.destroy();
    const finished = now();
    const stage = (name: StageName, from: Date, to: Date) =>
      stages.push({
        stage: name,
        startMs: from.getTime() - startedAt.getTime(),
        durationMs: to.getTime() - from.getTime(),
      });
    stage('load', began, ended ?? finished);
    if (ended) stage('indexes', ended, finished);
  }
}

function measureInto({ stages, startedAt }: Findings, { now, log = () => {} }: RestoreTestOptions) {
  return async <T>(stage: StageName, run: () => Promise<T>): Promise<T> => {
    const began = now();
    try {
      return await run();
    } finally {
      const durationMs = now().getTime() - began.getTime();
      stages.push({ stage, startMs: began.getTime() - startedAt.getTime(), durationMs });
      log(`restore-test: ${stage} took ${formatDuration(durationMs)}`);
    }
  };
}

async function readIntactVerdict(store: ArchiveStore, id: ArchiveId): Promise<IntactVerdict> {
  const key = archiveKeys(id).verdict;
  const stored = await store.readText(key);
  const verdict = stored && verdictSchema.safeParse(parseJson(stored.text)).data;
  if (verdict?.verdict === 'intact' && verdict.id === id.id) return verdict;
  if (verdict?.verdict === 'suspicious' && verdict.id === id.id) {
    if (isAccepted(verdict, await readAcceptance(store, verdict))) return verdict;
  }
  throw new OffsiteError('NOTHING_INTACT', `${id.id} is not known to be intact`, {
    expected: `the verdict 'intact' in ${key}`,
    found: verdict ? `'${verdict.verdict}' on ${verdict.id}` : stored ? 'no readable verdict' : 'no verdict',
    hint: 'choose an intact archive (offsite list), or let this one be verified first (offsite verify)',
  });
}

/** Opens the archive, if its bytes are still those that the verdict speaks of. */
async function openJudged(
  store: ArchiveStore,
  id: ArchiveId,
  manifest: Manifest,
  verdict: IntactVerdict,
): Promise<OpenObject> {
  const opened = await openArchive(store, id, manifest);
  if (opened.etag === verdict.etag && opened.versionId === verdict.versionId) return opened;
  opened.body.destroy();
  throw new OffsiteError('ARCHIVE_CHANGED', `the archive ${id.id} was changed after it was verified`, {
    expected: `ETag ${verdict.etag}, version ${verdict.versionId ?? 'none'}, as in the verdict`,
    found: `ETag ${opened.etag}, version ${opened.versionId ?? 'none'}`,
    hint: 'find out who wrote it (CloudTrail): nothing here ever overwrites an archive; back up again now',
  });
}

function nothingToCount(): OffsiteError {
  return new OffsiteError('RESTORE_FAILED', `the dump has no table ${countedTable}`, {
    expected: `the table public.${countedTable}, as every BitAgent database has it`,
    found: 'other tables only',
    hint: "look at what is dumped: is 'database' in the agent's settings the right one?",
  });
}

async function deliver(
  report: RestoreReport,
  key: string,
  { store, sendMail, log = () => {} }: RestoreTestOptions,
): Promise<void> {
  const attempts = await Promise.allSettled([
    store.create(key, serializeRestoreReport(report)),
    sendMail(restoreTestMail(report)),
  ]);
  const problems = attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [attempt.reason] : []));
  log(`restore-test: ${report.outcome}, ${problems.length === 0 ? 'reported' : 'NOT fully reported'}`);
  if (problems.length === 1) throw problems[0];
  if (problems.length > 1) throw new AggregateError(problems, problems.map(String).join('; '));
}

function describeFailure(error: unknown): RestoreFailure {
  if (error instanceof OffsiteError) {
    const { code, message, expected, found, hint } = error;
    return { code, message, expected, found, hint };
  }
  return {
    code: 'UNEXPECTED',
    message: 'the restore test itself failed',
    expected: 'no error but those that are known',
    found: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    hint: "read the task's log; if it is a fault of bitagent-offsite, report it",
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
