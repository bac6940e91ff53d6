// What a restore notes on a database that it is at: so that the next one, after a SIGKILL or a power cut, knows what is
// nobody else's.

import { hostname } from 'node:os';
import * as z from 'zod';
import { sourceDatabaseSchema } from '../archive/source-database.ts';
import { isAlive } from '../base/is-alive.ts';
import { parseJson } from '../base/parse-json.ts';
import { asciiIdentifier, quoteLiteral } from '../postgres/programs.ts';
import type { Run } from './server.ts';

const begins = 'offsite restore, not finished: ';

const markSchema = z.object({
  /** The database that it is to become. */
  for: z.string(),
  /** `ready`: whole, and about to take its place; `replacing`: the old one, about to be dropped. */
  state: z.enum(['loading', 'ready', 'replacing']),
  /** As in the names that are given: `20261129_201500`. */
  time: z.string(),
  host: z.string(),
  pid: z.number(),
  /** Its own, which it gets back at the end. */
  comment: z.string().optional(),
  /** A container that was stopped, and is to be started again. */
  stopped: z.string().optional(),
  /** What the one had of its own that was dropped for it, where nobody else knows that. */
  replaced: sourceDatabaseSchema.extend({ isEmpty: z.boolean() }).optional(),
});

export type Mark = z.infer<typeof markSchema>;

export function newMark(database: string, time: string): Mark {
  return { for: database, state: 'loading', time, host: hostname(), pid: process.pid };
}

/** @param mark - None: the database's own comment, or nothing. */
export function markSql(database: string, mark: Mark | undefined, comment?: string): string {
  const text = mark === undefined ? comment : begins + asciiJson(mark);
  return `COMMENT ON DATABASE ${asciiIdentifier(database)} IS ${text === undefined ? 'NULL' : quoteLiteral(text)}`;
}

/** A comment lies in the bytes of its database's encoding, and is read in another's. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * A limit of connections that nobody else gives: a database has it from its first moment until it bears its mark, for no
 * server makes a database and comments on it at once.
 */
export const unmarkedLimit = 2_026_112_900;

/** Of one that was made right now. */
export function firstMarkSql(database: string, mark: Mark): string {
  return `${markSql(database, mark)}; ALTER DATABASE ${asciiIdentifier(database)} CONNECTION LIMIT -1`;
}

/** Those that had no time to bear one, for a database or in its place. */
export async function unmarkedDatabases(run: Run, database: string): Promise<string[]> {
  const rows = await run(`SELECT datname FROM pg_database WHERE datconnlimit = ${unmarkedLimit}`);
  const isOurs = (name: string) => {
    const time = /_restore_(\d{8}_\d{6})$/.exec(name)?.[1];
    return name === database || (time !== undefined && name === nameBeside(database, 'restore', time));
  };
  return rows.map(([name = '']) => name).filter(isOurs);
}

/** All databases of the server that bear a mark. */
export async function markedDatabases(run: Run): Promise<{ readonly name: string; readonly mark: Mark }[]> {
  const rows = await run(
    `SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database
     WHERE starts_with(shobj_description(oid, 'pg_database'), ${quoteLiteral(begins)})`,
  );
  return rows.flatMap(([name = '', text = '']) => {
    const mark = parseJson(markSchema, text.slice(begins.length));
    return mark === undefined ? [] : [{ name, mark }];
  });
}

/** Whether the restore that made a mark is still at it, as far as can be told from here. */
export function isAtIt({ host, pid }: Mark): boolean {
  return host === hostname() && pid !== process.pid && isAlive(pid);
}

/** `20261129_201500`, UTC. */
export function timeInName(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_');
}

/** A name beside a database's, that the server does not cut. */
export function nameBeside(database: string, what: 'restore' | 'before', time: string): string {
  const end = `_${what}_${time}`;
  let name = database;
  while (Buffer.byteLength(name + end) > 63) name = Array.from(name).slice(0, -1).join('');
  return name + end;
}
