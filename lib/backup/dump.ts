// dump: runs pg_dump in one of three ways and gives its output, which ends only if all of it came.

import { OffsiteError } from '../base/errors.ts';
import { type ChildFailure, stdoutOf } from '../base/process.ts';
import type { Connection } from '../postgres/connection.ts';
import { errorLine, explainClientFailure } from '../postgres/errors.ts';
import { clientCommand } from '../postgres/programs.ts';
import type { DumpSettings } from '../settings/config.ts';
import { connectionFromSettings } from '../settings/settings.ts';

/** Never ask a terminal: nobody is there at night. */
const pgDumpArguments = ['--format=plain', '--no-password'];

/**
 * Starts a dump.
 *
 * @returns The plain dump. Leaving the iteration early ends the child.
 * @throws {@link OffsiteError} While iterating: `PROGRAM_MISSING`, `CONTAINER_UNREACHABLE`, `DATABASE_UNREACHABLE`,
 *   `DATABASE_REFUSED`, `PG_DUMP_TOO_OLD`, or `DUMP_FAILED` with the last words of the program.
 */
export function dump(settings: DumpSettings, signal?: AbortSignal): AsyncIterable<Buffer> {
  if (settings.via === 'command') {
    const [program = '', ...args] = settings.command;
    return stdoutOf({ program, args }, { errorOf: commandError, signal });
  }
  const connection = connectionFromSettings(settings);
  const command = clientCommand(connection, 'pg_dump', pgDumpArguments);
  return stdoutOf(command, { errorOf: (failure) => pgDumpError(connection, failure), signal });
}

function pgDumpError(connection: Connection, failure: ChildFailure): Error {
  const { stderr } = failure;
  const mismatch = /server version: (\S+).*?; pg_dump version: (\S+)/.exec(stderr);
  if (mismatch !== null) {
    const [, server = '', pgDump = ''] = mismatch;
    return new OffsiteError('PG_DUMP_TOO_OLD', 'pg_dump is older than the server', {
      expected: `pg_dump of major version ${Number.parseInt(server, 10)} or newer`,
      found: `pg_dump ${pgDump} for a server ${server}`,
      hint: 'install the newer client (postgresql-client-NN), or dump inside the container: --container NAME',
    });
  }
  // Only before its first byte is pg_dump's trouble that of connecting.
  const connecting =
    failure.signal === undefined &&
    /connection to server|No such container|is not running|not found|Docker daemon/.test(stderr);
  if (
    failure.startError !== undefined ||
    connecting ||
    failure.exitCode === 125 ||
    failure.exitCode === 126
  ) {
    return explainClientFailure(connection, 'pg_dump', failure);
  }
  return dumpError(failure);
}

function commandError(failure: ChildFailure): Error {
  if (failure.startError === undefined) return dumpError(failure);
  return new OffsiteError('PROGRAM_MISSING', `the dump command '${failure.program}' cannot be started`, {
    expected: 'a program on the PATH',
    found: failure.startError,
    hint: 'the words after -- are the program and its arguments; for a shell line say: -- bash -o pipefail -c "…"',
  });
}

function dumpError({ program, exitCode, signal, stderr }: ChildFailure): Error {
  const end = signal === undefined ? `exit code ${exitCode}` : `ended by ${signal}`;
  const words = errorLine(stderr);
  return new OffsiteError('DUMP_FAILED', 'the dump failed; nothing was stored', {
    expected: `exit code 0 of ${program}`,
    found: words === '' ? end : `${end}: ${words}`,
    hint: "what was found is the program's own word; the server's log may say more",
  });
}
