// A Postgres server for one use: started in a temporary directory, on loopback only, gone without a trace afterwards.
// Restore tests and the rehearsal load into it.

import { randomBytes } from 'node:crypto';
import { chown, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { OffsiteError } from '../base/errors.ts';
import type { Connection } from './connection.ts';
import { findPostgresPrograms } from './programs.ts';
import { endServer, type Server, serverFailed, startOnFreePort } from './server.ts';
import { makeThrowawayFolder, type ThrowawayFolder } from './throwaway-folder.ts';
import { type User, unprivilegedUser } from './unprivileged-user.ts';

export type ThrowawayPostgres = {
  /** As the superuser, to database `postgres`. */
  readonly connection: Extract<Connection, { via: 'server' }>;
  readonly port: number;
  /** Removed by `stop()`. */
  readonly directory: string;
  /** A place on the disk that its data are on; `undefined` where that is not to be seen from here. */
  readonly disk?: string | undefined;
  /** The last of what the server said. */
  log(): string;
  /** Ends the server at once and removes its directory. Idempotent. */
  stop(): Promise<void>;
};

export type ThrowawayOptions = {
  /** Where initdb and postgres are; found by itself when not given. */
  readonly binDir?: string | undefined;
  /** Gives up durability for speed: for data that is lost at the end anyway. */
  readonly tuned?: boolean | undefined;
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** The superuser's name; `postgres` when not given. A name that no dump knows keeps a dump from owning things by it. */
  readonly superuser?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * What a load that nobody needs to survive can go without, and the buffers that were fastest for BitAgent's dumps.
 *
 * @remarks The shared memory of parallel index builds is mapped from files: a container's /dev/shm is 64 MB.
 *   Checking a foreign key is one long query, which would be compiled first and gain nothing by it. Thousands of
 *   partitions are locked by one statement: locks for 100,000 take 30 MB.
 */
export const tunedSettings: Readonly<Record<string, string>> = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '4GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
  shared_buffers: '256MB',
  maintenance_work_mem: '64MB',
  dynamic_shared_memory_type: 'mmap',
  jit: 'off',
  max_locks_per_transaction: '1024',
};

/**
 * Starts a fresh Postgres server, locale C, UTF-8, that answers on 127.0.0.1 only and asks for a random password.
 *
 * @throws `OffsiteError` `PROGRAM_MISSING` if there are no server programs, `SERVER_FAILED` with the server's last
 *   words if it does not start. Nothing remains behind.
 * @remarks Postgres refuses to run as root; called by root, it runs as `postgres` or else `nobody`.
 */
export async function startThrowawayPostgres(options: ThrowawayOptions = {}): Promise<ThrowawayPostgres> {
  const binDir = options.binDir ?? findPostgresPrograms();
  if (binDir === undefined)
    throw new OffsiteError('PROGRAM_MISSING', 'there is no Postgres server to be found', {
      expected: 'psql, pg_dump, initdb and postgres in one directory of PATH or in /usr/lib/postgresql/*/bin',
      found: 'none',
      hint: 'install it (Debian, Ubuntu: apt-get install postgresql)',
    });
  const user = await unprivilegedUser();
  const folder = await makeThrowawayFolder('offsite-postgres-').catch((error: Error) => {
    throw serverFailed('initdb', error.message);
  });
  const { directory } = folder;
  let server: Server | undefined;
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopServer(server, folder);
    return stopping;
  };
  try {
    const password = randomBytes(18).toString('base64url');
    const superuser = options.superuser ?? 'postgres';
    await initialize(binDir, directory, { name: superuser, password }, user, options.signal);
    const settings = { ...(options.tuned ? tunedSettings : {}), ...options.settings };
    const started = await startOnFreePort(binDir, directory, settings, user, options.signal);
    server = started.server;
    const { port } = started;
    const connection = connectionTo(port, superuser, password);
    return { connection, port, directory, disk: directory, log: () => started.server.log(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A superuser's name that no dump can know, so that nothing in one becomes a superuser's. */
export function unknownSuperuser(): string {
  return `offsite_${randomBytes(8).toString('hex')}`;
}

/** To a server on loopback. */
export function connectionTo(port: number, user: string, password: string): ThrowawayPostgres['connection'] {
  const env = { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: user, PGPASSWORD: password };
  return { via: 'server', env: { ...env, PGDATABASE: 'postgres', PGSSLMODE: 'disable' } };
}

async function initialize(
  binDir: string,
  directory: string,
  superuser: { name: string; password: string },
  user: User | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, `${superuser.password}\n`, { mode: 0o600 });
  if (user !== undefined) {
    for (const path of [directory, passwordFile]) await chown(path, user.uid, user.gid);
  }
  // Bytes order text, which is fastest, but letters are those of Unicode, as in the database that was dumped.
  const ctype = process.platform === 'linux' ? 'C.UTF-8' : 'C';
  const result = await execa(
    join(binDir, 'initdb'),
    [
      ...[
        '--pgdata',
        join(directory, 'data'),
        '--username',
        superuser.name,
        '--encoding',
        'UTF8',
        '--no-sync',
      ],
      ...['--locale', 'C', '--lc-ctype', ctype, '--auth', 'scram-sha-256', '--pwfile', passwordFile],
    ],
    {
      ...user,
      cwd: directory,
      env: { LC_ALL: 'C' },
      all: true,
      reject: false,
      ...(signal && { cancelSignal: signal }),
    },
  );
  signal?.throwIfAborted();
  if (result.failed) throw serverFailed('initdb', result.all || (result.shortMessage ?? ''));
  await rm(passwordFile);
}

async function stopServer(server: Server | undefined, folder: ThrowawayFolder): Promise<void> {
  if (server !== undefined) await endServer(server);
  await folder.remove();
}
