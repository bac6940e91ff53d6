// The database that is to be brought back, where it is there already: is anything in it, and who uses it?

import { setTimeout as sleep } from 'node:timers/promises';
import { OffsiteError } from '../base/errors.ts';
import type { Connection } from '../postgres/connection.ts';
import { quoteLiteral } from '../postgres/programs.ts';
import { restoringName } from '../postgres/session.ts';
import { containersByAddress } from './container.ts';
import { refusalOf } from './create-database.ts';
import type { Run } from './server.ts';

export type Target = 'absent' | 'empty' | 'filled';

/** Whatever anybody made in it, but for extensions: theirs is what a fresh Compose stack has. */
const contentSql = `
  SELECT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid >= 16384 AND n.nspname !~ '^pg_' AND NOT EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    UNION ALL SELECT FROM pg_proc p WHERE p.oid >= 16384 AND NOT EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    UNION ALL SELECT FROM pg_type t WHERE t.oid >= 16384 AND t.typtype IN ('e', 'd', 'r') AND NOT EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype IN ('e', 'i'))
    UNION ALL SELECT FROM pg_largeobject_metadata)`;

/** @returns `filled` of one that lets nobody in, too: a damaged one is what most are restored for. */
export async function lookAtTarget(run: Run, database: string): Promise<Target> {
  const found = await run(`SELECT 1 FROM pg_database WHERE datname = ${quoteLiteral(database)}`);
  if (found.length === 0) return 'absent';
  const content = run(contentSql, database);
  const refusal = await refusalOf(content);
  return refusal !== undefined || (await content)[0]?.[0] === 't' ? 'filled' : 'empty';
}

/** What a rename waits for anyhow, or its leader is there, too; who may not see more is told no type. */
const sessionsSql = (database: string) => `
  SELECT coalesce(nullif(application_name, ''), 'a program without name') || CASE WHEN backend_type <> 'client backend' THEN ' (' || backend_type || ')' ELSE '' END,
    pid, host(client_addr)
  FROM pg_stat_activity WHERE datname = ${quoteLiteral(database)} AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
    AND coalesce(backend_type, '') NOT IN ('autovacuum worker', 'parallel worker') ORDER BY 2`;

type Session = { readonly name: string; readonly pid: string; readonly address: string };

export async function sessionsIn(run: Run, database: string): Promise<Session[]> {
  const rows = await run(sessionsSql(database));
  return rows.map(([name = '', pid = '', address = '']) => ({ name, pid, address }));
}

/** Nobody has anything to do in a half-made one: a pooler keeps what was ours, and what watches a server enters all that it has. */
export async function endSessionsIn(run: Run, database: string): Promise<void> {
  const sql = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${quoteLiteral(database)} AND pid <> pg_backend_pid()`;
  await run(sql).catch(() => undefined);
}

/**
 * Refuses a database that others use: nothing can be renamed or dropped under them.
 *
 * @param stops - Whether a container that uses it will be stopped; a back-up that runs is waited for all the same.
 * @throws {@link OffsiteError} `DATABASE_IN_USE`, naming them.
 */
export async function assertUnused(
  run: Run,
  database: string,
  { connection, stops }: { readonly connection: Connection; readonly stops: boolean },
): Promise<void> {
  let sessions = await sessionsIn(run, database);
  // One that has looked into it just now: where something stands between, it takes a moment to go.
  for (let looks = 0; looks < 10 && sessions.some(({ name }) => name === restoringName); looks += 1) {
    await sleep(100);
    sessions = await sessionsIn(run, database);
  }
  const dumps = sessions.filter(({ name }) => /^pg_dump\b/.test(name));
  if (dumps.length > 0) {
    throw new OffsiteError('DATABASE_IN_USE', `${database} is being backed up right now`, {
      expected: 'no back-up of the database that is to be replaced',
      found: dumps.map(({ name, pid }) => `${name}, process ${pid}`).join('\n'),
      hint: 'wait for its end, or end it; then run the same command again',
    });
  }
  const name = quoteLiteral(database);
  const prepared = (await run(`SELECT gid FROM pg_prepared_xacts WHERE database = ${name}`)).flat();
  if (prepared.length > 0) {
    throw new OffsiteError('DATABASE_IN_USE', `${database} has a prepared transaction`, {
      expected: `none in ${database}: it cannot be renamed or dropped until they are ended`,
      found: prepared.join('\n'),
      hint: `end it there (COMMIT PREPARED ${quoteLiteral(prepared[0] ?? '')}, or ROLLBACK PREPARED …); or restore beside it: --beside`,
    });
  }
  if (stops || sessions.length === 0) return;
  const containers = connection.via === 'container' ? await containersByAddress() : new Map<string, string>();
  const names = [...new Set(sessions.flatMap(({ address }) => containers.get(address) ?? []))];
  throw new OffsiteError(
    'DATABASE_IN_USE',
    `${database} is in use: it cannot change places with a restored one`,
    {
      expected: `no sessions in ${database}`,
      found: sessions
        .map(({ name, pid, address }) => {
          const container = containers.get(address);
          return `${name}, process ${pid}${container === undefined ? '' : `, container ${container}`}`;
        })
        .join('\n'),
      hint: `stop what uses it, or let this do it and start it again: --stop ${names[0] ?? 'CONTAINER (BitAgent: bitagent)'}; or restore beside it: --beside`,
    },
  );
}
