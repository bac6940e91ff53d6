// How this program speaks to Postgres: by the field's own client programs, as a person would, either on this machine
// or inside a container. Everything that says where and who travels in libpq's environment, so that no password is
// ever on a command line, and PG* variables of the caller's shell never redirect a connection that was spelled out.

import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { isExecutable } from '../base/find-program.ts';
import { type ChildFailure, textOf } from '../base/process.ts';
import { clientError } from './client-error.ts';
import { type Connection, conninfo, isLibpqName } from './connection.ts';

/** A program ready to be started; `env` is complete: start it with `extendEnv: false`. */
export type ClientCommand = {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

export type ClientOptions = {
  /** Instead of the connection's own database. */
  readonly database?: string | undefined;
  /** Where the programs are; PATH decides when it is not given. Means nothing inside a container. */
  readonly binDir?: string | undefined;
  /** The name of its session, to find it by. */
  readonly applicationName?: string | undefined;
};

const connectTimeoutSeconds = '10';

/**
 * Makes the command that runs a Postgres client program against a connection.
 *
 * @param program - `psql`, `pg_dump` …
 * @returns Program, arguments and the complete environment; no argument holds a secret.
 * @remarks In a container, never `-t`: a terminal turns `\n` into `\r\n`. `-e NAME` without a value makes docker
 *   take the value from its own environment.
 */
export function clientCommand(
  connection: Connection,
  program: string,
  args: readonly string[],
  options: ClientOptions = {},
): ClientCommand {
  const ambient = Object.entries(process.env).filter(
    (entry): entry is [string, string] => !isLibpqName(entry[0]) && entry[1] !== undefined,
  );
  const libpq = {
    ...libpqEnvironment(connection, options.database),
    ...(options.applicationName && { PGAPPNAME: options.applicationName }),
  };
  // Errors are told apart by their words, so they must come in one language.
  const env = { ...Object.fromEntries(ambient), LC_ALL: 'C', ...libpq };
  if (connection.via === 'server') {
    return {
      program: options.binDir ? join(options.binDir, program) : program,
      args: [...args, ...spelledOut(connection, options.database)],
      env,
    };
  }
  const passed = [...Object.keys(libpq), 'LC_ALL'].flatMap((name) => ['-e', name]);
  return { program: 'docker', args: ['exec', '-i', ...passed, connection.container, program, ...args], env };
}

/**
 * Runs SQL by psql and reads what it answers.
 *
 * @param sql - One or more statements, given by stdin; the first that fails ends the run.
 * @returns Rows of text; NULL reads as the empty text.
 * @throws `OffsiteError` `DATABASE_UNREACHABLE`, `DATABASE_REFUSED`, `CONTAINER_UNREACHABLE` or `PROGRAM_MISSING`.
 *   Statements before the failing one remain in effect.
 */
export async function query(
  connection: Connection,
  sql: string,
  options: ClientOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<string[][]> {
  const args = ['-X', '-A', '-t', '-q', '--csv', '-v', 'ON_ERROR_STOP=1', '-f', '-'];
  const command = clientCommand(connection, 'psql', args, options);
  const { signal, database } = options;
  const env = { ...command.env, ...(connection.via === 'server' ? { PGCLIENTENCODING: 'UTF8' } : {}) };
  const errorOf = (failure: ChildFailure) => clientError(connection, 'psql', failure, database);
  return parseCsv(await textOf({ ...command, env }, { errorOf, signal }, sql));
}

/** Quotes a name for SQL: `my "table"` → `"my ""table"""`. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a name for SQL in whatever encoding: `größe` → `U&"gr\00f6\00dfe"`. */
export function asciiIdentifier(name: string): string {
  const escaped = name.replace(/[^ -~]|\\/gu, (character) => {
    const hex = (character.codePointAt(0) as number).toString(16);
    return hex.length > 4 ? `\\+${hex.padStart(6, '0')}` : `\\${hex.padStart(4, '0')}`;
  });
  return escaped === name ? quoteIdentifier(name) : `U&${quoteIdentifier(escaped)}`;
}

/** Quotes a text for SQL, whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? ` E${quoted}` : quoted;
}

/**
 * Finds the programs that run and speak to a server of their own.
 *
 * @param path - Directories to look in, as PATH has them.
 * @param versionsDirectory - Where Debian keeps a directory for each major version.
 * @returns The first directory with psql, pg_dump, initdb and postgres, PATH first, then the newest version;
 *   `undefined` if there is none.
 */
export function findPostgresPrograms(
  path: string = process.env.PATH ?? '',
  versionsDirectory = '/usr/lib/postgresql',
): string | undefined {
  const versions = listDirectory(versionsDirectory)
    .filter((name) => /^\d+$/.test(name))
    .sort((one, other) => Number(other) - Number(one))
    .map((name) => join(versionsDirectory, name, 'bin'));
  const directories = [...path.split(delimiter).filter((directory) => directory !== ''), ...versions];
  return directories.find((directory) =>
    ['psql', 'pg_dump', 'initdb', 'postgres'].every((program) => isExecutable(join(directory, program))),
  );
}

/**
 * What is said with the connection itself: only that goes over what a service says, which goes over the environment. Last among
 * the arguments: pg_dump wants its `--version` first.
 */
function spelledOut(
  { env, parameters = {} }: Extract<Connection, { via: 'server' }>,
  database: string | undefined,
): string[] {
  const said = env.PGSERVICE === undefined || !database ? parameters : { ...parameters, dbname: database };
  return Object.keys(said).length === 0 ? [] : ['-d', conninfo(said)];
}

function libpqEnvironment(connection: Connection, database: string | undefined): Record<string, string> {
  const given: Record<string, string | undefined> =
    connection.via === 'server'
      ? connection.env
      : { PGUSER: connection.user, PGPASSWORD: connection.password, PGDATABASE: connection.database };
  const all = {
    PGCONNECT_TIMEOUT: connectTimeoutSeconds,
    ...given,
    ...(database ? { PGDATABASE: database } : {}),
  };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** psql's --csv: a field that holds a comma, a quote or a line end is quoted, and quotes in it are doubled. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\n]*))([,\n])/y;
  let row: string[] = [];
  for (let match = field.exec(text); match !== null; match = field.exec(text)) {
    const [, quoted, bare = '', end] = match;
    row.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'));
    if (end === '\n') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
