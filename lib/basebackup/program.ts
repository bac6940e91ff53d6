// pg_basebackup, on this machine or inside the container, and what its troubles mean.

import { OffsiteError } from '../base/errors.ts';
import { type ChildFailure, stdoutOf } from '../base/process.ts';
import { clientError, errorLine } from '../postgres/client-error.ts';
import type { Connection } from '../postgres/connection.ts';
import { preparationFor } from '../postgres/preparations.ts';
import { clientCommand } from '../postgres/programs.ts';

const args = [
  ...['--pgdata=-', '--format=tar', '--wal-method=none', '--manifest-checksums=SHA256'],
  // Else it waits for the next checkpoint, which may be minutes away.
  ...['--checkpoint=fast', '--no-password'],
];

/**
 * Starts a base backup.
 *
 * @returns One tar: the data directory, and the server's manifest as its last file.
 * @throws {@link OffsiteError} While iterating: `PROGRAM_MISSING`, `CONTAINER_UNREACHABLE`, `DATABASE_UNREACHABLE`, `DATABASE_REFUSED`,
 *   `BASE_BACKUP_REFUSED` with the statement to run, `BASE_BACKUP_FAILED`, or the signal's reason.
 */
export function baseBackupOf(
  connection: Connection,
  {
    signal,
    onWords,
  }: { readonly signal?: AbortSignal | undefined; readonly onWords?: (words: string) => void },
): AsyncGenerator<Buffer> {
  const errorOf = (failure: ChildFailure) => baseBackupError(connection, failure);
  return stdoutOf(clientCommand(connection, 'pg_basebackup', args), {
    errorOf,
    signal,
    ...(onWords && { onWords }),
  });
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
    hint: "what was found is the program's own word; the server's log may say more",
  });
}
