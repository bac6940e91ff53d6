// Asks a restored database the operator's questions. They run as the role that restored, which sees every row, read-only
// and within a limit of time: what is in the database came from a dump, and functions in it may be anybody's.

import { splitName } from '../archive/comparison.ts';
import type { Inventory } from '../archive/inventory.ts';
import type { ArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { inSession, type ServerConnection, type Session } from '../postgres/session.ts';
import type { CheckResult } from '../report/report.ts';
import type { ArchiveStore } from '../store/store.ts';
import { bitagentChecks } from './bitagent-checks.ts';
import { type Check, checksKey, judgeCheck, parseChecks } from './checks.ts';

export type CheckFile = { readonly checks: readonly Check[]; readonly origin: CheckResult['origin'] };

export type CheckFacts = {
  readonly dumpedAt: Date;
  /** Rows of the counted table in the dump. */
  readonly torrents: number | undefined;
  /** Whether the operator has accepted the archive, and so whatever it is said to lack. */
  readonly accepted?: boolean;
  /** What was dumped: a question about what never was does not apply. Without it, all do. */
  readonly inventory?: Pick<Inventory, 'tables' | 'views' | 'sequences' | 'functions' | 'triggers'>;
};

const checkWithinMs = 600_000;

/**
 * Runs checks one after another.
 *
 * @returns A result for each: one that cannot be run has failed, and says why.
 * @throws Only if the database cannot be reached at all.
 */
export function runChecks(
  connection: ServerConnection,
  database: string,
  files: readonly CheckFile[],
  facts: CheckFacts,
  signal?: AbortSignal,
): Promise<CheckResult[]> {
  return inSession(connection, database, signal, async (session) => {
    // Freshly loaded tables have no statistics, and a check over all rows would be planned as if they were small.
    await session.run('ANALYZE');
    const results: CheckResult[] = [];
    for (const { checks, origin } of files) {
      for (const check of checks) {
        signal?.throwIfAborted();
        const result = await runCheck(session, check, origin, facts);
        results.push({ name: check.name, origin, ...result });
      }
    }
    results.push(await searchCheck(session, facts));
    return results;
  });
}

/**
 * Passes if no check failed; warnings pass.
 *
 * @throws `OffsiteError` `RESTORE_CHECK_FAILED` naming each that did.
 */
export function assertChecks(
  results: readonly CheckResult[],
  what = 'the restored database',
  hint = 'what was dumped came back, but it is not as it should be: look at the database that is dumped, by the same SQL (offsite restore-test --print-checks)',
): void {
  const failed = results.filter(({ outcome }) => outcome === 'fail');
  if (failed.length === 0) return;
  const names = failed.map(({ name }) => name).join(', ');
  throw new OffsiteError('RESTORE_CHECK_FAILED', `${what} fails ${names}`, {
    expected: `all ${results.length} checks to pass`,
    found: failed.map(({ name, detail }) => `${name}: ${detail}`).join('\n'),
    hint,
  });
}

async function runCheck(session: Session, check: Check, origin: CheckResult['origin'], facts: CheckFacts) {
  const { dumpedAt, torrents = -1, accepted = false } = facts;
  const began = performance.now();
  const durationMs = () => Math.round(performance.now() - began);
  const lacking = check.needs?.find((name) => neverDumped(name, facts));
  if (lacking !== undefined) return { ...notApplicable(lacking), durationMs: 0 };
  try {
    await session.run(
      `BEGIN READ ONLY;
       SET LOCAL statement_timeout = ${checkWithinMs};
       SET LOCAL search_path = public, pg_catalog;
       SET LOCAL timezone = 'UTC';
       SET LOCAL datestyle = 'ISO';
       SET LOCAL offsite.dumped_at = '${dumpedAt.toISOString()}';
       SET LOCAL offsite.torrents = '${torrents}';
       SET LOCAL offsite.none_accepted = '${accepted && torrents < 1}'`,
    );
    const answer = judgeCheck(check, await session.rows(check.sql));
    return { ...answer, durationMs: durationMs() };
  } catch (error) {
    const { message } = error as Error;
    const name = absentName.exec(message)?.groups?.name;
    // A name of the operator's own that is nowhere may be misspelt: `needs TABLE` says that it may be missing.
    if (origin === 'shipped' && name !== undefined && neverDumped(name, facts))
      return { ...notApplicable(name), durationMs: durationMs() };
    return { outcome: 'fail' as const, detail: `could not be run: ${message}`, durationMs: durationMs() };
  } finally {
    await session.run('ROLLBACK').catch(() => undefined);
  }
}

/** As the server speaks of a table or a function that it does not have. */
const absentName = /^(?:relation "|function )(?<name>[^"(]+)(?:"|\(.*\)) does not exist/;

function neverDumped(name: string, { inventory }: CheckFacts): boolean {
  if (inventory === undefined) return false;
  const own = (one: string) => splitName(one).at(-1) ?? one;
  const { tables, views, sequences, functions, triggers } = inventory;
  return ![tables, views, sequences, functions, triggers].flat().some((one) => own(one) === own(name));
}

function notApplicable(name: string) {
  return { outcome: 'skip' as const, detail: `does not apply: the dump has no ${name}` };
}

/** Whether full-text search goes through an index: with it gone, the application answers, but takes minutes. */
async function searchCheck(session: Session, facts: CheckFacts): Promise<CheckResult> {
  const began = performance.now();
  const named = { name: 'search_through_gin', origin: 'shipped' as const };
  if (neverDumped('torrent_contents', facts))
    return { ...named, ...notApplicable('torrent_contents'), durationMs: 0 };
  const durationMs = () => Math.round(performance.now() - began);
  try {
    await session.run('BEGIN READ ONLY; SET LOCAL enable_seqscan = off');
    const plan = await session.rows(
      `EXPLAIN SELECT 1 FROM public.torrent_contents WHERE tsv @@ 'offsite'::pg_catalog.tsquery`,
    );
    const scan = /Index Scan on (\S+)/.exec(plan.map(([line]) => line).join('\n'))?.[1];
    if (scan === undefined)
      return { ...named, outcome: 'fail', detail: 'no index answers it', durationMs: durationMs() };
    return { ...named, outcome: 'pass', detail: `by ${scan}`, durationMs: durationMs() };
  } catch (error) {
    const detail = `could not be run: ${(error as Error).message}`;
    return { ...named, outcome: 'fail', detail, durationMs: durationMs() };
  } finally {
    await session.run('ROLLBACK').catch(() => undefined);
  }
}

/**
 * Reads what a restored database is asked.
 *
 * @param given - The operator's own checks; those in the vault when not given, if there are any.
 * @throws `OffsiteError` `CHECKS_INVALID`, before anything is restored.
 */
export async function readChecks(
  store: ArchiveStore,
  { source }: ArchiveId,
  given: { readonly text: string; readonly file: string } | undefined,
): Promise<CheckFile[]> {
  const shipped = parseChecks(bitagentChecks, 'the shipped checks');
  const key = checksKey(source);
  const stored = given === undefined ? await store.readText(key) : undefined;
  const own = given ?? (stored && { text: stored.text, file: key });
  if (own === undefined) return [{ checks: shipped, origin: 'shipped' }];
  const ownChecks = parseChecks(own.text, own.file);
  const names = new Set(ownChecks.map(({ name }) => name));
  return [
    { checks: shipped.filter(({ name }) => !names.has(name)), origin: 'shipped' },
    { checks: ownChecks, origin: 'own' },
  ];
}
