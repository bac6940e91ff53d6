// What a recovered cluster is held against: the base backup that it came from, the point that was wanted, its own pages, and the
// operator's questions.

import { countedTable } from '../archive/verdict.ts';
import { quoteIdentifier } from '../postgres/programs.ts';
import { ask } from '../postgres/session.ts';
import { formatMicros } from '../recovery-point/target.ts';
import type { CheckResult } from '../report/report.ts';
import { amcheck } from './amcheck.ts';
import type { RecoveredServer } from './recovered-server.ts';
import { assertChecks, type CheckFacts, type CheckFile, runChecks } from './run-checks.ts';

export type Wanted = {
  readonly systemIdentifier: string;
  /** The one that the server says it went on with, and that which it left for it. */
  readonly timeline: number;
  readonly leftTimeline: { readonly expected: number; readonly found: number | undefined };
  readonly point: {
    /** In microseconds since 1970; `undefined` of the end of the base backup. */
    readonly micros: bigint | undefined;
    /** When the last transaction ended that came back. */
    readonly reachedAt: bigint | undefined;
    /** When the base backup was consistent. */
    readonly from: Date;
  };
  readonly checks: readonly CheckFile[];
  readonly signal?: AbortSignal | undefined;
};

/** Asks a recovered cluster, and then the database of torrents in it; each answer is a result, right or wrong. */
export async function checkRecovered(server: RecoveredServer, wanted: Wanted): Promise<CheckResult[]> {
  const { signal } = wanted;
  const inside = (database: string, sql: string) => ask(server.superuser, sql, { database, signal });
  const rows = await inside(
    'template1',
    'SELECT datname FROM pg_catalog.pg_database WHERE datallowconn ORDER BY 1',
  );
  const databases = rows.map(([name]) => name as string);
  const [control = []] = await inside(
    'template1',
    'SELECT s.system_identifier, c.timeline_id FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c',
  );
  const results = [...compared(wanted, control), await amcheck(server.superuser, databases, signal)];
  const asked: string[] = [];
  for (const database of databases) {
    const [[has] = []] = await inside(
      database,
      `SELECT pg_catalog.to_regclass('public.${countedTable}') IS NOT NULL`,
    );
    if (has === 't') asked.push(database);
  }
  for (const database of asked) results.push(...(await askDatabase(server, database, wanted)));
  if (asked.length === 0) results.push(result(countedTable, false, 'no database has this table'));
  return results;
}

/** @throws As {@link assertChecks}. */
export function assertRecovered(results: readonly CheckResult[]): void {
  const hint =
    "recover the same point by hand and look ('offsite restore --to-time', as named here); take a base backup (offsite basebackup), and look at the server's own disk by pg_amcheck";
  assertChecks(results, 'the recovered cluster', hint);
}

async function askDatabase(
  { superuser, reader }: RecoveredServer,
  database: string,
  { point, checks, signal }: Wanted,
): Promise<CheckResult[]> {
  // Not everybody may be let in.
  const names = await ask(
    superuser,
    `GRANT CONNECT ON DATABASE ${quoteIdentifier(database)} TO ${reader.env.PGUSER}; ${namesSql}`,
    { database, signal },
  );
  const counting = `SELECT pg_catalog.count(*) FROM public.${countedTable}`;
  const [[count] = []] = await ask(reader, counting, { database, signal });
  const facts: CheckFacts = {
    dumpedAt: point.reachedAt === undefined ? point.from : new Date(Number(point.reachedAt / 1000n)),
    torrents: Number(count),
    inventory: namesIn(names),
  };
  return runChecks(reader, database, checks, facts, signal);
}

function result(name: string, isRight: boolean, detail: string): CheckResult {
  return { name, origin: 'shipped', outcome: isRight ? 'pass' : 'fail', detail, durationMs: 0 };
}

function compared(
  { systemIdentifier, timeline, leftTimeline, point }: Wanted,
  control: string[],
): CheckResult[] {
  const [foundIdentifier = 'none', foundTimeline = 'none'] = control;
  const left = `timeline ${leftTimeline.found ?? 'unknown'} left for ${foundTimeline}`;
  const { micros, reachedAt } = point;
  const reached = reachedAt === undefined ? 'no transaction after the base backup' : formatMicros(reachedAt);
  return [
    result(
      'system_identifier',
      foundIdentifier === systemIdentifier,
      `${foundIdentifier}, of the base backup ${systemIdentifier}`,
    ),
    result(
      'timeline',
      foundTimeline === String(timeline) && leftTimeline.found === leftTimeline.expected,
      `${left}; the way there is timeline ${leftTimeline.expected}`,
    ),
    result(
      'point_reached',
      micros === undefined || reachedAt === undefined || reachedAt <= micros,
      `last transaction: ${reached}; wanted: ${micros === undefined ? 'the end of the base backup' : `by ${formatMicros(micros)}`}`,
    ),
  ];
}

const namesSql = `
  SELECT relname, CASE relkind WHEN 'S' THEN 'sequences' WHEN 'v' THEN 'views' WHEN 'm' THEN 'views' ELSE 'tables' END
    FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
  UNION ALL SELECT proname, 'functions' FROM pg_catalog.pg_proc
  UNION ALL SELECT tgname, 'triggers' FROM pg_catalog.pg_trigger`;

/** What there is: a table that came after the point, or went before it, raises no question. */
function namesIn(rows: readonly string[][]): NonNullable<CheckFacts['inventory']> {
  const of = (kind: string) => rows.filter(([, one]) => one === kind).map(([name]) => name as string);
  return {
    tables: of('tables'),
    views: of('views'),
    sequences: of('sequences'),
    functions: of('functions'),
    triggers: of('triggers'),
  };
}
