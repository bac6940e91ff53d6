// What a Postgres client program means by its exit code and its words, said so that an operator knows what to do.

import { OffsiteError } from '../base/errors.ts';
import type { ChildFailure } from '../base/process.ts';
import { shellWord } from '../base/shell-word.ts';
import { exhaustion } from '../base/started.ts';
import { type Connection, describeConnection } from './connection.ts';
import { refusalHint } from './hints.ts';

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
export function clientError(
  connection: Connection,
  program: string,
  failure: ClientFailure,
  database?: string,
): OffsiteError {
  const stderr = String(failure.stderr ?? '').trim();
  return (
    programError(connection, program, failure, stderr) ??
    containerError(connection, stderr) ??
    serverError(connection, failure, stderr, database) ??
    new OffsiteError('DATABASE_REFUSED', `the database refused ${program}`, {
      expected: `to be served: ${describeConnection(connection, database)}`,
      found: errorLine(stderr) || `exit code ${failure.exitCode} and no word`,
      hint: refusalHint(stderr),
    })
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

function programError(
  connection: Connection,
  program: string,
  failure: ClientFailure,
  stderr: string,
): OffsiteError | undefined {
  const exhausted = exhaustion(program, failure.startError);
  if (exhausted !== undefined) return exhausted;
  if (failure.startError === 'ENOENT' || failure.startError === 'EACCES') {
    const missing = connection.via === 'container' ? 'docker' : program;
    return new OffsiteError('PROGRAM_MISSING', `${missing} cannot be started`, {
      expected: `the program ${missing} on the PATH`,
      found: failure.startError === 'ENOENT' ? 'no such program' : 'it may not be run',
      hint:
        missing === 'docker'
          ? "install Docker, or connect to the server directly ('offsite config' shows what is set)"
          : 'install the PostgreSQL client programs, of the server’s major version or newer (Debian: apt-get install postgresql-client)',
    });
  }
  if (connection.via === 'container' && /executable file not found|OCI runtime exec failed/.test(stderr)) {
    return new OffsiteError(
      'PROGRAM_MISSING',
      `there is no ${program} in container ${connection.container}`,
      {
        expected: `a container with PostgreSQL's programs`,
        found: errorLine(stderr),
        hint: 'name the container that runs Postgres itself: docker ps shows them (BitAgent: bitagent-postgres)',
      },
    );
  }
  return undefined;
}

function containerError(connection: Connection, stderr: string): OffsiteError | undefined {
  const words =
    /No such container|is not running|is paused|is restarting|Cannot connect to the Docker daemon|docker daemon|docker\.sock/i;
  if (connection.via !== 'container' || !words.test(stderr)) return undefined;
  return new OffsiteError('CONTAINER_UNREACHABLE', `container ${connection.container} cannot be entered`, {
    expected: `a running container ${connection.container}, and the right to use Docker`,
    found: stderr.split('\n')[0]?.slice(0, 300) ?? '',
    hint: containerHint(connection.container, stderr),
  });
}

function containerHint(container: string, stderr: string): string {
  if (/is paused/.test(stderr)) return `docker unpause ${shellWord(container)}`;
  if (/is not running/.test(stderr))
    return `docker start ${shellWord(container)}; why it ended, docker logs ${shellWord(container)} says`;
  return "see 'docker ps' for its name; to use Docker, be root or in group docker";
}

function serverError(
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
    hint: /SSL/.test(stderr)
      ? 'server and sslmode do not agree: turn ssl on there (ALTER SYSTEM SET ssl), or say another sslmode in the URL or PGSSLMODE'
      : 'see whether it runs (docker ps, or systemctl status postgresql), whether host and port are right, and whether this machine may reach it; then run the same command again',
  });
}
