// What a Postgres client program means by its exit code and its words, said so that an operator knows what to do.

import { type ErrorCode, OffsiteError } from '../base/errors.ts';
import type { ChildFailure } from '../base/process.ts';
import { type Connection, describeConnection } from './connection.ts';
import { StatementError } from './statement-error.ts';

/** How a client program ended, other than well. */
export type ClientFailure = {
  readonly [Key in Exclude<keyof ChildFailure, 'program'>]?: ChildFailure[Key] | undefined;
};

/**
 * Tells why a client program failed.
 *
 * @param program - What was run, by name: `psql`, `pg_dump`.
 * @param database - What was asked for instead of the connection's own database.
 * @returns `PROGRAM_MISSING`, `CONTAINER_UNREACHABLE`, `DATABASE_UNREACHABLE` or `DATABASE_REFUSED`.
 */
export function explainClientFailure(
  connection: Connection,
  program: string,
  failure: ClientFailure,
  database?: string,
): OffsiteError {
  const stderr = String(failure.stderr ?? '').trim();
  return (
    programMissing(connection, program, failure, stderr) ??
    containerUnreachable(connection, stderr) ??
    serverUnreachable(connection, failure, stderr, database) ??
    refused(connection, program, failure, stderr, database)
  );
}

/**
 * The line of a client program's stderr that says what went wrong.
 *
 * @returns The first line with an error in it, else the last line, at most 300 characters; empty if there is none.
 */
export function errorLine(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const line = lines.find((text) => /\b(ERROR|FATAL|PANIC):|: error:/.test(text)) ?? lines.at(-1) ?? '';
  return line.trim().slice(0, 300);
}

/**
 * Tells why a server did not take a statement of a dump.
 *
 * @param error - As the driver throws it: the server's own, or that of a connection that broke.
 * @param line - Where in the dump.
 * @returns A {@link StatementError}: `RESTORE_DISK_FULL` or `RESTORE_OUT_OF_MEMORY` where it is that, `SERVER_TOO_OLD`
 *   where the statement is unknown to this version, else `RESTORE_FAILED`.
 */
export function explainStatement(error: unknown, line: number, statement: string): StatementError {
  const { code = '', message, severity, detail } = error as DatabaseError;
  const found = [`${severity ?? 'ERROR'}: ${message}`, detail].filter(Boolean).join('; ').slice(0, 600);
  const known = statementFailures.find(
    ({ codes, words }) => codes.some((one) => code.startsWith(one)) || words?.test(message),
  );
  const hint =
    known?.hint ??
    `look at that line (offsite fetch ID -o - | gunzip | sed -n ${line}p), and try the archive before it`;
  return new StatementError(known?.code ?? 'RESTORE_FAILED', { line, statement, found, hint, cause: error });
}

/**
 * Tells whether a throw-away server ran out of something, by its own last words: a client only sees its connection end.
 *
 * @param log - The last of what the server said.
 * @returns The error that says so, else the one that was given.
 */
export function explainByServerLog(error: unknown, log: string): unknown {
  const line = log.split('\n').findLast((text) => ranOut.some(({ words }) => words.test(text)));
  const known = ranOut.find(({ words }) => line !== undefined && words.test(line));
  if (line === undefined || known === undefined) return error;
  const { code, message, hint } = known;
  return new OffsiteError(code, message, {
    expected: 'enough for the restored database',
    found: line.trim(),
    hint,
    cause: error,
  });
}

const ranOut: readonly { code: ErrorCode; words: RegExp; message: string; hint: string }[] = [
  {
    code: 'RESTORE_DISK_FULL',
    words: /No space left on device/,
    message: 'the disk of the throw-away server is full',
    hint: 'the restored database did not fit: give the test more disk',
  },
  {
    code: 'RESTORE_OUT_OF_MEMORY',
    words: /was terminated by signal 9|^.{0,80}(ERROR|FATAL): {2}out of memory/,
    message: 'the throw-away server ran out of memory',
    hint: 'signal 9 is what Linux ends a process with when memory is gone: give the test more memory',
  },
];

type DatabaseError = Error & { readonly code?: string; readonly severity?: string; readonly detail?: string };

/** @see https://www.postgresql.org/docs/16/errcodes-appendix.html */
const statementFailures: readonly {
  readonly code: ErrorCode;
  /** Whole, or of a class: the first two characters. */
  readonly codes: readonly string[];
  readonly words?: RegExp;
  readonly hint: string;
}[] = [
  {
    code: 'RESTORE_DISK_FULL',
    codes: ['53100'],
    words: /No space left on device/,
    hint: 'the restored database did not fit on the disk of the throw-away server: give it more',
  },
  {
    code: 'RESTORE_OUT_OF_MEMORY',
    codes: ['53200'],
    hint: 'the throw-away server ran out of memory: give it more',
  },
  {
    code: 'SERVER_TOO_OLD',
    codes: [],
    words: /unrecognized configuration parameter/,
    hint: 'the dump sets what this server does not know: restore to the major version of pg_dump or newer (in the cloud: npx cdk deploy -c postgresMajor=…)',
  },
  {
    code: 'RESTORE_FAILED',
    codes: ['42501'],
    hint: 'the dump is restored as an ordinary role: what needs a superuser was not written by a dump of BitAgent; look at that line',
  },
  {
    code: 'RESTORE_FAILED',
    codes: ['58P01'],
    words: /could not open extension control file|extension ".*" is not available/,
    hint: 'the server that restores lacks an extension which the database has: install its package there',
  },
  {
    code: 'RESTORE_FAILED',
    codes: ['23'],
    hint: 'the dumped rows contradict a key or constraint of their own: the live database holds what it should not, as it does where an index is damaged. Look for it there (pg_amcheck --heapallindexed, REINDEX), and at the disk of the host; an older archive may be whole',
  },
  {
    code: 'RESTORE_FAILED',
    codes: ['22', '42601'],
    hint: 'that is not what pg_dump writes: bytes were changed before they were archived, or a page of the live database is damaged. Dump again; if it is the same, look at the host’s memory and disk, and what stands between pg_dump and the agent',
  },
  {
    code: 'RESTORE_FAILED',
    codes: ['3F000', '42P01', '42703', '42704', '42883'],
    hint: 'an earlier part of the dump, which makes what is named there, is missing: dump again, whole (no --table, --schema or --exclude)',
  },
];

function programMissing(
  connection: Connection,
  program: string,
  failure: ClientFailure,
  stderr: string,
): OffsiteError | undefined {
  if (failure.startError === 'ENOENT' || failure.startError === 'EACCES') {
    const missing = connection.via === 'container' ? 'docker' : program;
    return new OffsiteError('PROGRAM_MISSING', `${missing} cannot be started`, {
      expected: `the program ${missing} on the PATH`,
      found: failure.startError === 'ENOENT' ? 'no such program' : 'it may not be run',
      hint:
        missing === 'docker'
          ? 'install Docker, or connect to the server directly'
          : 'install the PostgreSQL client programs (Debian: postgresql-client), of the server’s major version or newer',
    });
  }
  if (connection.via === 'container' && /executable file not found|OCI runtime exec failed/.test(stderr)) {
    return new OffsiteError(
      'PROGRAM_MISSING',
      `there is no ${program} in container ${connection.container}`,
      {
        expected: `a container with PostgreSQL's programs`,
        found: errorLine(stderr),
        hint: 'name the container that runs Postgres itself (BitAgent: bitagent-postgres)',
      },
    );
  }
  return undefined;
}

function containerUnreachable(connection: Connection, stderr: string): OffsiteError | undefined {
  const words =
    /No such container|is not running|is paused|is restarting|Cannot connect to the Docker daemon|docker daemon|docker\.sock/i;
  if (connection.via !== 'container' || !words.test(stderr)) return undefined;
  return new OffsiteError('CONTAINER_UNREACHABLE', `container ${connection.container} cannot be entered`, {
    expected: `a running container ${connection.container}, and the right to use Docker`,
    found: stderr.split('\n')[0]?.slice(0, 300) ?? '',
    hint: "see 'docker ps' for its name; to use Docker, be root or in group docker",
  });
}

function serverUnreachable(
  connection: Connection,
  failure: ClientFailure,
  stderr: string,
  database: string | undefined,
): OffsiteError | undefined {
  const closed =
    /server closed the connection|terminating connection|could not receive data|the database system is/;
  const connecting =
    /could not connect|could not translate host name|connection to server .* failed|timeout expired/;
  const answered = /FATAL:|no password supplied|authentication/.test(stderr) && !closed.test(stderr);
  if (failure.signal === undefined && (answered || !(connecting.test(stderr) || closed.test(stderr)))) {
    return undefined;
  }
  return new OffsiteError('DATABASE_UNREACHABLE', 'the database server does not answer', {
    expected: `a PostgreSQL server for ${describeConnection(connection, database)}`,
    found: errorLine(stderr) || `the client was ended by ${failure.signal}`,
    hint: 'is it running, are host and port right, and may this machine reach it?',
  });
}

function refused(
  connection: Connection,
  program: string,
  failure: ClientFailure,
  stderr: string,
  database: string | undefined,
): OffsiteError {
  return new OffsiteError('DATABASE_REFUSED', `the database refused ${program}`, {
    expected: `to be served: ${describeConnection(connection, database)}`,
    found: errorLine(stderr) || `exit code ${failure.exitCode} and no word`,
    hint: refusalHint(stderr),
  });
}

function refusalHint(stderr: string): string {
  if (/password|authentication|pg_hba/.test(stderr))
    return 'check user and password, and pg_hba.conf on the server';
  if (/database ".*" does not exist/.test(stderr)) return "check the database's name: psql -l lists them";
  if (/role ".*" does not exist/.test(stderr)) return 'check the user: \\du in psql lists the roles';
  if (/permission denied|must be (owner|superuser)/.test(stderr))
    return 'use a role with more rights, e.g. the owner';
  return 'what was found is the server’s own word; its log may say more';
}
