// pg_basebackup, on this machine or inside the container, and what its troubles mean.

import { OffsiteError } from '../base/errors.ts';
import { type ChildFailure, stdoutOf } from '../base/process.ts';
import { clientError, errorLine } from '../postgres/client-error.ts';
import type { Connection } from '../postgres/connection.ts';
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

/** What a server says that is not prepared for it, and what to do then. */
const preparations: readonly (readonly [said: RegExp, expected: string, hint: string])[] = [
  [
    /permission denied to start WAL sender|must be superuser or replication role|role with the REPLICATION attribute/i,
    'a role that may replicate',
    'as a superuser: ALTER ROLE <name> REPLICATION',
  ],
  [
    /no pg_hba\.conf entry for replication/,
    'an entry for replication in pg_hba.conf',
    "add a line 'host replication <role> <address> scram-sha-256' (or 'local replication …'), then SELECT pg_reload_conf()",
  ],
  [
    /WAL level not sufficient|wal_level.*minimal/i,
    'wal_level = replica',
    "ALTER SYSTEM SET wal_level = 'replica'; then restart the server",
  ],
  [
    /max_wal_senders|number of requested standby connections/,
    'a free WAL sender',
    'ALTER SYSTEM SET max_wal_senders = 10; then restart the server',
  ],
  [
    /incompatible server version|server version.*not supported/i,
    "pg_basebackup of the server's major version or newer",
    'install the newer client (postgresql-client-NN), or take it inside the container: --container NAME',
  ],
];

function baseBackupError(connection: Connection, failure: ChildFailure): Error {
  const said = errorLine(failure.stderr);
  const preparation = preparations.find(([pattern]) => pattern.test(failure.stderr));
  if (preparation !== undefined) {
    const [, expected, hint] = preparation;
    return new OffsiteError('BASE_BACKUP_REFUSED', 'the server gives no base backup; nothing was stored', {
      expected,
      found: said,
      hint,
    });
  }
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
