// dump: runs pg_dump in one of three ways and gives its output, which ends only if all of it came.

import { randomBytes } from 'node:crypto';
import { OffsiteError } from '../base/errors.ts';
import { type ChildFailure, type RunOptions, stdoutOf } from '../base/process.ts';
import { clientError } from '../postgres/client-error.ts';
import type { Connection } from '../postgres/connection.ts';
import { endSession } from '../postgres/end-session.ts';
import { dumpHint } from '../postgres/hints.ts';
import { clientCommand } from '../postgres/programs.ts';
import type { DumpSettings } from '../settings/config.ts';
import { connectionFromSettings } from '../settings/settings.ts';

/** Never ask a terminal: nobody is there at night. */
const pgDumpArguments = ['--format=plain', '--no-password'];

/** A query of pg_dump's own may be long. */
const wordsLines = 8;
const wordsColumns = 300;

export type DumpOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Told what the operator should know of a dump that succeeded, or of one that could not be ended. */
  readonly onWarning?: ((sentence: string) => void) | undefined;
};

/**
 * Starts a dump.
 *
 * @returns The plain dump. Leaving the iteration early ends the child.
 * @throws {@link OffsiteError} While iterating: `PROGRAM_MISSING`, `CONTAINER_UNREACHABLE`, `DATABASE_UNREACHABLE`,
 *   `DATABASE_REFUSED`, `PG_DUMP_TOO_OLD`, or `DUMP_FAILED` with the last words of the program; the signal's reason.
 */
export function dump(settings: DumpSettings, options: DumpOptions = {}): AsyncGenerator<Buffer> {
  const { signal, onWarning } = options;
  const run = {
    signal,
    onWords: (words: string) => onWarning?.(`the dump is whole, and its program said: ${words}`),
    onRemaining: (what: string) =>
      onWarning?.(`the dump's program still runs, as this user may not end it: end ${what} by hand`),
  };
  if (settings.via === 'command') {
    const [program = '', ...args] = settings.command;
    return stdoutOf({ program, args }, { ...run, errorOf: commandError });
  }
  const connection = connectionFromSettings(settings);
  const errorOf = (failure: ChildFailure) => pgDumpError(connection, failure);
  if (connection.via === 'container') return dumpInside(connection, { ...run, errorOf }, onWarning);
  return stdoutOf(clientCommand(connection, 'pg_dump', pgDumpArguments), { ...run, errorOf });
}

/** Ends the pg_dump inside, too, when it is left before its end: docker exec passes no signal on. */
async function* dumpInside(
  connection: Connection & { readonly via: 'container' },
  run: RunOptions,
  onWarning: DumpOptions['onWarning'],
): AsyncGenerator<Buffer> {
  const applicationName = `pg_dump offsite-${randomBytes(8).toString('hex')}`;
  const command = clientCommand(connection, 'pg_dump', pgDumpArguments, { applicationName });
  let hasEnded = false;
  const errorOf = (failure: ChildFailure) => {
    hasEnded = true;
    return run.errorOf(failure);
  };
  try {
    yield* stdoutOf(command, { ...run, errorOf });
    hasEnded = true;
  } finally {
    if (!hasEnded && !(await endSession(connection, applicationName))) {
      onWarning?.(
        `pg_dump may still run in container ${connection.container}: there, SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${applicationName}' ends it`,
      );
    }
  }
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
    /connection to server|could not translate host name|No such container|is not running|not found|Docker daemon/.test(
      stderr,
    );
  if (
    failure.startError !== undefined ||
    connecting ||
    failure.exitCode === 125 ||
    failure.exitCode === 126
  ) {
    return clientError(connection, 'pg_dump', failure);
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
  const words = lastWords(stderr);
  return new OffsiteError('DUMP_FAILED', 'the dump failed; nothing was stored', {
    expected: `exit code 0 of ${program}`,
    found: words === '' ? end : `${end}: ${words}`,
    hint: dumpHint(stderr),
  });
}

/** The first error and all that follows: the server's own reason is in pg_dump's `detail:` lines. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const first = lines.findIndex((line) => /\b(ERROR|FATAL|PANIC):|: error:/.test(line));
  const said = first < 0 ? lines.slice(-1) : lines.slice(first, first + wordsLines);
  return said.map((line) => line.trim().slice(0, wordsColumns)).join('\n');
}
