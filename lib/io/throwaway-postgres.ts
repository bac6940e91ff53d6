// A Postgres server for one use: started in a temporary directory, on loopback only, gone without a trace afterwards.
// Restore tests and the rehearsal load into it.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { OffsiteError } from '../core/errors.ts';
import type { Connection } from './connection.ts';
import { findPostgresPrograms } from './postgres.ts';
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
  /** Further settings, by name. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** The superuser's name; `postgres` when not given. A name that no dump knows keeps a dump from owning things by it. */
  readonly superuser?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

type Server = ReturnType<typeof spawnServer>;

const readyWithinMs = 60_000;
const stopWithinMs = 10_000;
const portAttempts = 5;
const logTailBytes = 4096;

/**
 * What a load that nobody needs to survive can go without, and the buffers that were fastest for BitAgent's dumps.
 *
 * @remarks The shared memory of parallel index builds is mapped from files: a container's /dev/shm is 64 MB.
 *   Checking a foreign key is one long query, which would be compiled first and gain nothing by it.
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
  if (binDir === undefined) throw serverProgramsMissing();
  const user = await unprivilegedUser();
  const directory = await mkdtemp(join(tmpdir(), 'offsite-postgres-')).catch((error: Error) => {
    throw serverFailed('initdb', error.message);
  });
  let server: Server | undefined;
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopServer(server, directory);
    return stopping;
  };
  try {
    const password = randomBytes(18).toString('base64url');
    const superuser = options.superuser ?? 'postgres';
    await initialize(binDir, directory, { name: superuser, password }, user, options.signal);
    const started = await startOnFreePort(binDir, directory, user, options);
    server = started.server;
    const { port } = started;
    const connection = connectionTo(port, superuser, password);
    return { connection, port, directory, disk: directory, log: () => started.server.log(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function connectionTo(port: number, superuser: string, password: string): ThrowawayPostgres['connection'] {
  const env = { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: superuser, PGPASSWORD: password };
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

async function startOnFreePort(
  binDir: string,
  directory: string,
  user: User | undefined,
  options: ThrowawayOptions,
): Promise<{ server: Server; port: number }> {
  const settings = { ...(options.tuned ? tunedSettings : {}), ...options.settings };
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const server = spawnServer(binDir, directory, port, settings, user);
    try {
      await untilReady(server, directory, options.signal);
      return { server, port };
    } catch (error) {
      await endServer(server);
      // Between our look and the server's bind, somebody else may have taken the port.
      if (attempt === portAttempts || !/Address already in use/.test(server.log())) throw error;
    }
  }
}

function spawnServer(
  binDir: string,
  directory: string,
  port: number,
  settings: Readonly<Record<string, string>>,
  user: User | undefined,
) {
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    logging_collector: 'off',
    log_destination: 'stderr',
    ...settings,
  };
  const child = execa(
    join(binDir, 'postgres'),
    [
      '-D',
      join(directory, 'data'),
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    {
      ...user,
      cwd: directory,
      env: { LC_ALL: 'C' },
      stdin: 'ignore',
      stdout: 'ignore',
      buffer: false,
      reject: false,
      // To postgres this means: end at once, without saving.
      killSignal: 'SIGQUIT',
    },
  );
  let tail = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-logTailBytes);
  });
  return { child, log: () => tail };
}

/** Waits for what pg_ctl waits for: the word in the eighth line of postmaster.pid. */
async function untilReady(server: Server, directory: string, signal: AbortSignal | undefined): Promise<void> {
  const deadline = Date.now() + readyWithinMs;
  let ended = false;
  void server.child.finally(() => {
    ended = true;
  });
  for (;;) {
    signal?.throwIfAborted();
    if (ended) throw serverFailed('postgres', server.log());
    const pidFile = await readFile(join(directory, 'data', 'postmaster.pid'), 'utf8').catch(() => '');
    if (pidFile.split('\n')[7]?.trim() === 'ready' && pidFile.startsWith(`${server.child.pid}\n`)) return;
    if (Date.now() > deadline) throw serverFailed('postgres', `not ready after 60 s\n${server.log()}`);
    await sleep(15);
  }
}

async function stopServer(server: Server | undefined, directory: string): Promise<void> {
  if (server !== undefined) await endServer(server);
  await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

async function endServer({ child }: Server): Promise<void> {
  child.kill('SIGQUIT');
  const last = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await child;
  clearTimeout(last);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

function serverFailed(program: string, log: string): OffsiteError {
  const lines = log.trim().split('\n').slice(-5);
  return new OffsiteError('SERVER_FAILED', 'the throw-away Postgres server did not start', {
    expected: `${program} to start a server in ${tmpdir()}`,
    found: lines.join('\n'),
    hint: 'is there disk space and memory, and may the user postgres (or nobody) enter that directory?',
  });
}

function serverProgramsMissing(): OffsiteError {
  return new OffsiteError('PROGRAM_MISSING', 'there is no Postgres server to be found', {
    expected: 'psql, pg_dump, initdb and postgres in one directory of PATH or in /usr/lib/postgresql/*/bin',
    found: 'none',
    hint: 'install it (Debian, Ubuntu: apt-get install postgresql)',
  });
}
