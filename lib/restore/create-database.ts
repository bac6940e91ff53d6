// Makes the database that a dump goes into, as like the one that was dumped as this server can.

import { OffsiteError } from '../base/errors.ts';
import { quoteIdentifier, quoteLiteral } from '../postgres/programs.ts';
import { unmarkedLimit } from './mark.ts';
import { attemptsFor, describeMaking, type Making } from './new-database.ts';
import type { Run } from './server.ts';

export type CreateOptions = {
  readonly database: string;
  readonly making: Making;
  /** The server's. */
  readonly major: number;
  /** Who shall own it, the first that this role may give it to; none: the role itself. */
  readonly owners: readonly string[];
  /** Where it shall lie, if this server has that and lets this role use it. */
  readonly tablespace?: string | undefined;
  /** Run with it. */
  readonly marking: string;
  readonly warn: (sentence: string) => void;
};

const nameBytesMax = 63;

/**
 * Makes an empty database.
 *
 * @returns Who owns it.
 * @throws {@link OffsiteError} `DATABASE_EXISTS`, `DATABASE_REFUSED`, or what the server does not answer.
 */
export async function createDatabase(run: Run, options: CreateOptions): Promise<string> {
  const { database, making, major, marking, warn } = options;
  let owners = [...options.owners];
  let { tablespace } = options;
  let refusal = '';
  for (const { options: more, instead } of attemptsFor(making, major)) {
    for (;;) {
      const [owner] = owners;
      const given = owner === undefined ? '' : ` OWNER ${quoteIdentifier(owner)}`;
      const placed = tablespace === undefined ? '' : ` TABLESPACE ${quoteIdentifier(tablespace)}`;
      const error = await refusalOf(
        run(
          `CREATE DATABASE ${quoteIdentifier(database)}${given} TEMPLATE template0 ${more}${placed} CONNECTION LIMIT ${unmarkedLimit}`,
        ),
      );
      if (error === undefined) {
        await run(marking);
        if (instead !== undefined) warn(differs(making, instead, refusal));
        return ownerOf(run, database);
      }
      if (
        owner !== undefined &&
        /must be able to SET ROLE|must be (?:a )?member of role/i.test(error.found)
      ) {
        owners = owners.slice(1);
        warn(`the database is not given to ${owner}, as the source's was: ${serverWords(error)}`);
        continue;
      }
      if (tablespace !== undefined && /tablespace/i.test(serverWords(error))) {
        warn(
          `the database lay in the tablespace ${tablespace}, and is placed in the default one: ${serverWords(error)}`,
        );
        tablespace = undefined;
        continue;
      }
      const isOfMaking = /locale|encoding|provider|collat|ctype|\bicu/i.test(serverWords(error));
      if (!isOfMaking || /already exists|permission denied/.test(error.found))
        throw /already exists/.test(error.found) ? databaseExists(database) : error;
      refusal ||= serverWords(error);
      break;
    }
  }
  throw new OffsiteError('DATABASE_REFUSED', `the database ${database} cannot be made on this server`, {
    expected: describeMaking(making),
    found: refusal,
    hint: 'its system lacks a locale: install it there (Debian: apt-get install locales-all), restart Postgres and run the same command again; or restore into another server (--url)',
  });
}

/** @throws {@link OffsiteError} `USAGE` for a name that Postgres would cut without an error, or that is none. */
export function assertNameFits(database: string): void {
  const bytes = Buffer.byteLength(database);
  if (bytes > 0 && bytes <= nameBytesMax) return;
  throw new OffsiteError('USAGE', `'${database}' cannot be the name of a database`, {
    expected: `1 to ${nameBytesMax} bytes`,
    found: bytes === 0 ? 'none' : `${bytes} bytes, which the server would cut`,
    hint: 'name another with --dbname, or with --into',
  });
}

/** @throws {@link OffsiteError} `USAGE` for one that is never replaced. */
export function assertOrdinary(database: string): void {
  assertNameFits(database);
  if (!/^(?:postgres|template[01])$/.test(database)) return;
  throw new OffsiteError('USAGE', `${database} is a database of the server's own, and is not replaced`, {
    expected: 'the name of the database that is to be back: --dbname bitmagnet',
    found: database,
    hint: 'name it with --dbname, or a new one with --into',
  });
}

export function databaseExists(database: string): OffsiteError {
  return new OffsiteError('DATABASE_EXISTS', `database ${database} exists and was left as it is`, {
    expected: 'the name of a database that does not exist: a restore makes its own',
    found: `a database ${database}`,
    hint: 'name another with --into, or run this again if another restore was making it; without --into, the restored one takes the place of the one that is there, which is kept under another name',
  });
}

async function ownerOf(run: Run, database: string): Promise<string> {
  const sql = `SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = ${quoteLiteral(database)}`;
  return (await run(sql))[0]?.[0] ?? '';
}

/** What a server or role does not take; what else goes wrong is thrown. */
export async function refusalOf(running: Promise<unknown>): Promise<OffsiteError | undefined> {
  try {
    await running;
    return undefined;
  } catch (error) {
    if (error instanceof OffsiteError && !gone.has(error.code)) return error;
    throw error;
  }
}

const gone: ReadonlySet<string> = new Set([
  'DATABASE_UNREACHABLE',
  'CONTAINER_UNREACHABLE',
  'PROGRAM_MISSING',
  'INTERRUPTED',
]);

/** What the server said, without psql's place before it. */
export function serverWords({ found }: OffsiteError): string {
  return found.replace(/^psql:\S*?:\d+: /, '').replace(/^ERROR: +(?:[0-9A-Z]{5}: )?/, '');
}

function differs(making: Making, instead: string, refusal: string): string {
  return `the database had ${describeMaking(making)}, which this server cannot make${refusal && ` (${refusal})`}; it is made with ${instead}: text may be sorted and compared by other rules than before, so lists may come in another order. Its indexes are built by these rules, and are right`;
}
