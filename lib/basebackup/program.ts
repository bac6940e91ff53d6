// pg_basebackup, on this machine or inside the container, and what its troubles mean.

import { OffsiteError } from '../base/errors.ts';
import { type ChildFailure, stdoutOf } from '../base/process.ts';
import { clientError, errorLine } from '../postgres/client-error.ts';
import type { Connection } from '../postgres/connection.ts';
import { preparationFor } from '../postgres/preparations.ts';
import { clientCommand } from '../postgres/programs.ts';
import { type RunShell, tarOfSeveral } from './several-tars.ts';

const args = [
  ...['--format=tar', '--wal-method=none', '--manifest-checksums=SHA256'],
  // Else it waits for the next checkpoint, which may be minutes away.
  ...['--checkpoint=fast', '--no-password'],
];

export type ProgramOptions = {
  /** Of tablespaces, outside of the data directory or in it. */
  readonly tablespaces: readonly number[];
  readonly signal?: AbortSignal | undefined;
  readonly onWords?: ((words: string) => void) | undefined;
};

/**
 * Starts a base backup.
 *
 * @returns One tar: the data directory, what is in tablespaces under `pg_tblspc/<oid>/`, and the server's manifest as its last file.
 * @throws {@link OffsiteError} While iterating: `PROGRAM_MISSING`, `CONTAINER_UNREACHABLE`, `DATABASE_UNREACHABLE`, `DATABASE_REFUSED`,
 *   `BASE_BACKUP_REFUSED` with the statement to run, `BASE_BACKUP_FAILED`, or the signal's reason.
 */
export function baseBackupOf(
  connection: Connection,
  { tablespaces, signal, onWords }: ProgramOptions,
): AsyncGenerator<Buffer> {
  const errorOf = (failure: ChildFailure) => baseBackupError(connection, failure);
  if (tablespaces.length === 0)
    return stdoutOf(clientCommand(connection, 'pg_basebackup', ['--pgdata=-', ...args]), {
      errorOf,
      signal,
      onWords,
    });
  const shell: RunShell = (script, options) =>
    stdoutOf(clientCommand(connection, 'sh', ['-c', script, 'sh']), { errorOf, ...options });
  return tarOfSeveral(shell, tablespaces, args, { signal, onWords });
}

function baseBackupError(connection: Connection, failure: ChildFailure): Error {
  const said = errorLine(failure.stderr);
  const preparation = preparationFor(failure.stderr);
  if (preparation !== undefined)
    return new OffsiteError(
      'BASE_BACKUP_REFUSED',
      'the server gives no base backup; nothing was stored',
      preparation,
    );
  const connecting = /connection to server|No such container|is not running|not found|Docker daemon/.test(
    failure.stderr,
  );
  if (failure.startError !== undefined || connecting)
    return clientError(connection, 'pg_basebackup', failure);
  const end = failure.signal === undefined ? `exit code ${failure.exitCode}` : `ended by ${failure.signal}`;
  return new OffsiteError('BASE_BACKUP_FAILED', 'the base backup failed; nothing was stored', {
    expected: 'exit code 0 of pg_basebackup',
    found: said === '' ? end : `${end}: ${said}`,
    hint: "the server's log may say more: mend what it says, and run 'offsite basebackup' again",
  });
}
