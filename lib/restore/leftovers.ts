// What an earlier restore left that was killed: found by its mark, and finished or undone. What bears no mark is left alone.

import { hostname } from 'node:os';
import { quoteIdentifier, quoteLiteral } from '../postgres/programs.ts';
import { restoringName } from '../postgres/session.ts';
import { isRunning, startContainer } from './container.ts';
import { isAtIt, type Mark, markedDatabases, markSql, nameBeside, unmarkedDatabases } from './mark.ts';
import type { Run } from './server.ts';
import { sessionsIn } from './target.ts';

/**
 * Finishes or undoes what earlier restores of a database left.
 *
 * @param warn - Told of each.
 * @returns What the one had of its own that one of them had dropped.
 */
export async function tidyLeftovers(
  run: Run,
  database: string,
  warn: (sentence: string) => void,
): Promise<Mark['replaced']> {
  let replaced: Mark['replaced'];
  for (const name of await unmarkedDatabases(run, database)) {
    await run(`DROP DATABASE ${quoteIdentifier(name)}`);
    warn(`an earlier restore was killed: ${name}, which it had just made, is dropped`);
  }
  for (const { name, mark } of await markedDatabases(run)) {
    if (mark.for !== database) continue;
    if (isAtIt(mark) || (await othersIn(run, name, mark)) > 0) {
      warn(`another restore is at ${name} (process ${mark.pid} on ${mark.host}); it is left alone`);
      continue;
    }
    warn(`an earlier restore was killed: ${await tidy(run, name, mark)}`);
    replaced ??= mark.replaced;
    const { stopped } = mark;
    if (stopped === undefined || (await isRunning(stopped).catch(() => false))) continue;
    if (await startContainer(stopped, warn))
      warn(`container ${stopped}, which it had stopped, is started again`);
  }
  return replaced;
}

/** Sessions that speak for a restore that goes on. Once it has its name, whoever uses the database has come to stay. */
async function othersIn(run: Run, name: string, mark: Mark): Promise<number> {
  if (name === mark.for && mark.state !== 'loading') return 0;
  const sessions = await sessionsIn(run, name);
  // What it had begun may go on in the server, and inside a container, when the process itself is gone.
  const isOrphan = (session: string) =>
    mark.host === hostname() && (session === restoringName || session.startsWith('psql offsite-'));
  return sessions.filter((session) => !isOrphan(session.name)).length;
}

async function tidy(run: Run, name: string, mark: Mark): Promise<string> {
  const { for: database, time, comment } = mark;
  const before = nameBeside(database, 'before', time);
  const rename = (from: string, to: string) =>
    `ALTER DATABASE ${quoteIdentifier(from)} RENAME TO ${quoteIdentifier(to)};`;
  if (name === database && mark.state === 'ready') {
    await run(markSql(name, undefined, comment), name);
    return `${name} is the restored one and whole`;
  }
  if (mark.state === 'replacing') {
    await run(markSql(name, undefined, comment), name);
    return `${name} is as it was`;
  }
  if (name !== database && mark.state === 'ready' && !(await exists(run, database))) {
    await run(rename(name, database));
    await run(markSql(database, undefined, comment), database);
    return `what it restored is whole, and is ${database} now`;
  }
  await dropHalfMade(run, name);
  if (name !== database && !(await exists(run, database)) && (await exists(run, before))) {
    await run(rename(before, database));
    return `the half-made ${name} is dropped, and ${before} is ${database} again`;
  }
  return `the half-made ${name} is dropped`;
}

/** Sessions that are still in it would hold what is to go, and no template is dropped, nor what has a subscription. Wherever else one has come by this, nothing goes. */
const emptyingSql = (database: string) => `
  DO $$ DECLARE largest text; subscribing text; BEGIN
    IF current_database() <> ${quoteLiteral(database)} THEN RETURN; END IF;
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
    EXECUTE format('ALTER DATABASE %I IS_TEMPLATE false', current_database());
    FOR subscribing IN SELECT format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I SET (slot_name = NONE); DROP SUBSCRIPTION %1$I', subname)
      FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    LOOP EXECUTE subscribing; END LOOP;
    FOR largest IN SELECT format('DROP TABLE IF EXISTS %I.%I CASCADE', n.nspname, c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND c.oid >= 16384 ORDER BY pg_total_relation_size(c.oid) DESC LIMIT 20
    LOOP EXECUTE largest; END LOOP;
  END $$`;

/**
 * Drops a database that is not whole, its largest tables first. To drop it, the server writes down all that it has in memory,
 * and where its disk is full it ends over that, with all of its databases.
 */
export async function dropHalfMade(run: Run, database: string): Promise<void> {
  await run(`SET lock_timeout = '3s';${emptyingSql(database)}`, database).catch(() => undefined);
  await run(`DROP DATABASE IF EXISTS ${quoteIdentifier(database)} WITH (FORCE)`);
}

export async function exists(run: Run, database: string): Promise<boolean> {
  return (await run(`SELECT 1 FROM pg_database WHERE datname = ${quoteLiteral(database)}`)).length > 0;
}
