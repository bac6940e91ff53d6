// Whether BitAgent is back: what the documentation's checklist looks at, asked of it as its clients ask.

import { countedTable } from '../archive/verdict.ts';
import { OffsiteError } from '../base/errors.ts';
import { formatDuration } from '../base/quantities.ts';
import { type Check, failedCheck, warned } from '../doctor/diagnosis.ts';
import type { Connection } from '../postgres/connection.ts';
import { dhtIn } from './caps.ts';
import { countRows } from './database.ts';
import { get, shown } from './http.ts';
import { type Answer, judgeCaps, judgeCount, judgeDashboard, judgeDht, judgeHealth } from './judge.ts';

/** Where BitAgent answers, and its keys, which are secrets. */
export type App = {
  readonly url: URL;
  /** `undefined`: it has none, or it is not to be looked at. */
  readonly dashboardUrl: URL | undefined;
  readonly apiKey: string | undefined;
  readonly dashboardKey: string | undefined;
};

export type Limits = {
  /** For one answer over HTTP. */
  readonly answerWithinMs: number;
  /** For counting the rows, which takes minutes of tens of millions. */
  readonly countWithinMs: number;
};

export const usualLimits: Limits = { answerWithinMs: 15_000, countWithinMs: 30 * 60_000 };

/** The database behind it, and the rows that it should hold at least; or why that cannot be known. */
export type Counted =
  | {
      readonly connection: Connection;
      readonly database: string;
      readonly inArchive: number | undefined;
      /** Where they have just been counted. */
      readonly rows?: number | undefined;
    }
  | { readonly missing: Check };

/** All checks, in the order of the checklist. */
export async function checkRecovery(
  app: App,
  counted: Counted,
  limits: Limits,
  signal: AbortSignal,
): Promise<Check[]> {
  return [
    await checkHealth(app, limits, signal),
    await checkCaps(app, limits, signal),
    await checkDashboard(app, limits, signal),
    'missing' in counted ? { ...counted.missing, name: 'count' } : await checkCount(counted, limits, signal),
    await checkDht(app, limits, signal),
  ];
}

/** `/healthz`; of versions that answer it at the dashboard alone, there. */
export async function checkHealth(app: App, { answerWithinMs }: Limits, signal: AbortSignal): Promise<Check> {
  const own = under(app.url, 'healthz');
  const answer = await get(own, { withinMs: answerWithinMs, signal });
  const isElsewhere = 'status' in answer && answer.status === 404 && app.dashboardUrl !== undefined;
  if (!isElsewhere) return judgeHealth(answer, shown(own));
  const other = under(app.dashboardUrl as URL, 'healthz');
  return judgeHealth(await get(other, { withinMs: answerWithinMs, signal }), shown(other));
}

/** The Torznab API, asked as Sonarr asks: the key in the query. */
export async function checkCaps(app: App, { answerWithinMs }: Limits, signal: AbortSignal): Promise<Check> {
  const url = under(app.url, 'torznab/api');
  url.searchParams.set('t', 'caps');
  if (app.apiKey !== undefined) url.searchParams.set('apikey', app.apiKey);
  const answer = await get(url, { withinMs: answerWithinMs, signal });
  return judgeCaps(answer, shown(url), app.apiKey !== undefined);
}

/** The dashboard, which may lie behind redirects of its own. */
export async function checkDashboard(
  { dashboardUrl, dashboardKey }: App,
  { answerWithinMs }: Limits,
  signal: AbortSignal,
): Promise<Check> {
  if (dashboardUrl === undefined) {
    return warned(
      'dashboard',
      'not looked at: no address of one is known',
      'if there is one, name it: --dashboard-url URL',
    );
  }
  const headers: Record<string, string> = dashboardKey === undefined ? {} : { 'x-api-key': dashboardKey };
  const ask = (url: URL) => get(url, { headers, withinMs: answerWithinMs, signal });
  let [at, answer] = [dashboardUrl, await ask(dashboardUrl)];
  for (let hops = 0; hops < 3; hops += 1) {
    const next = ownRedirect(at, answer);
    if (next === undefined) break;
    [at, answer] = [next, await ask(next)];
  }
  return judgeDashboard(answer, shown(at));
}

/** What `/status` says of the crawler. */
export async function askDht(app: App, { answerWithinMs }: Limits, signal: AbortSignal) {
  const answer = await get(under(app.url, 'status'), { withinMs: answerWithinMs, signal });
  // Where anything is down, it answers with 503, and says what.
  return 'text' in answer ? dhtIn(answer.text) : 'unknown';
}

export async function checkDht(app: App, limits: Limits, signal: AbortSignal): Promise<Check> {
  return judgeDht(await askDht(app, limits, signal), shown(under(app.url, 'status')));
}

/** What the dashboard counts, asked of the database itself. */
export async function checkCount(
  where: Exclude<Counted, { missing: Check }>,
  { countWithinMs }: Limits,
  signal: AbortSignal,
): Promise<Check> {
  const { connection, database, inArchive } = where;
  if (where.rows !== undefined) return judgeCount(countedTable, where.rows, inArchive);
  const limit = AbortSignal.timeout(countWithinMs);
  try {
    const rows = await countRows({ connection, database, signal: AbortSignal.any([signal, limit]) });
    return judgeCount(countedTable, rows, inArchive);
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return failedCheck('count', tooSlow(countWithinMs));
    if (error instanceof OffsiteError) return failedCheck('count', error);
    throw error;
  }
}

function tooSlow(countWithinMs: number): OffsiteError {
  return new OffsiteError('DATABASE_UNREACHABLE', `the rows of ${countedTable} are not counted`, {
    expected: `a count within ${formatDuration(countWithinMs)}`,
    found: 'none yet',
    hint: `count them yourself: psql -c 'SELECT count(*) FROM ${countedTable}'`,
  });
}

/** A path below an address that may have one already, as behind a proxy. */
function under(base: URL, path: string): URL {
  const url = new URL(base);
  url.search = '';
  url.hash = '';
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`;
  return url;
}

/** Where a redirect leads, if that is the same server: the key goes nowhere else. */
function ownRedirect(at: URL, answer: Answer): URL | undefined {
  if (!('status' in answer) || answer.status < 300 || answer.status > 399 || !answer.location)
    return undefined;
  const next = URL.canParse(answer.location, at.href) ? new URL(answer.location, at) : undefined;
  return next?.origin === at.origin ? next : undefined;
}
