// A throw-away Postgres server in a container, for machines that have Docker and no server programs. It has no network:
// it is spoken to through a socket in a directory that only we may enter, and ends with its container.

import { randomBytes } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { OffsiteError } from '../base/errors.ts';
import { ask, type ServerConnection } from './session.ts';
import { type ThrowawayPostgres, tunedSettings } from './throwaway.ts';
import { makeThrowawayFolder } from './throwaway-folder.ts';

export type ContainerOptions = {
  /** With initdb and postgres on its PATH and a user `postgres`, as the official images have it: `postgres:16`. */
  readonly image: string;
  readonly superuser: string;
  readonly signal?: AbortSignal | undefined;
};

const readyWithinMs = 120_000;
const probeWithinMs = 30_000;
const logTailBytes = 4096;
const port = '5432';

/**
 * Starts a container with a fresh server.
 *
 * @throws `OffsiteError` `CONTAINER_UNREACHABLE` if Docker does not run it, `SERVER_FAILED` if no server comes up in it.
 *   Nothing remains behind.
 */
export async function startContainerPostgres(options: ContainerOptions): Promise<ThrowawayPostgres> {
  const { image, superuser, signal } = options;
  const name = `offsite-restore-test-${randomBytes(6).toString('hex')}`;
  const folder = await makeThrowawayFolder('offsite-postgres-', name);
  const { directory } = folder;
  const sockets = join(directory, 'sockets');
  await mkdir(sockets);
  // The server is another user in there; nobody else gets past the directory above.
  await chmod(sockets, 0o777);
  const container = runContainer(name, image, superuser, sockets);
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= (async () => {
      await execa('docker', ['rm', '--force', '--volumes', name], { reject: false });
      await container.ended;
      await folder.remove();
    })();
    return stopping;
  };
  const connection: ServerConnection = {
    via: 'server',
    env: { PGHOST: sockets, PGPORT: port, PGUSER: superuser, PGDATABASE: 'postgres' },
  };
  try {
    await untilReady(connection, container, image, signal);
    return { connection, port: Number(port), directory, log: container.log, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function runContainer(name: string, image: string, superuser: string, sockets: string) {
  const settings = { ...tunedSettings, listen_addresses: '', unix_socket_directories: '/sockets', port };
  const given = Object.entries(settings).map(([key, value]) => `-c ${key}='${value}'`);
  // Who is past the socket's directory is us: there is no password to ask for.
  const initdb = `initdb -D /tmp/data -U ${superuser} --auth=trust --encoding=UTF8 --locale=C --no-sync >&2`;
  // Alpine's C knows Unicode's letters by itself, and has no other name for it.
  const script =
    `{ ${initdb} --lc-ctype=C.UTF-8 || ${initdb}; } && ` + `exec postgres -D /tmp/data ${given.join(' ')}`;
  const limits = ['--network', 'none', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
  const child = execa(
    'docker',
    [
      ...['run', '--rm', '--name', name, '--user', 'postgres', ...limits, '--volume', `${sockets}:/sockets`],
      ...['--entrypoint', 'sh', image, '-c', script],
    ],
    { stdin: 'ignore', stdout: 'ignore', buffer: false, reject: false },
  );
  let tail = '';
  let result: { exitCode?: number; code?: string } | undefined;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-logTailBytes);
  });
  const ended = child.then((end) => {
    result = end;
  });
  return { ended, log: () => tail, result: () => result };
}

async function untilReady(
  connection: ServerConnection,
  container: ReturnType<typeof runContainer>,
  image: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = Date.now() + readyWithinMs;
  for (;;) {
    signal?.throwIfAborted();
    const result = container.result();
    if (result !== undefined) throw notStarted(image, result, container.log());
    const answer = await ask(connection, 'SELECT 1').catch((error: Error) => error);
    if (!(answer instanceof Error)) return;
    if (Date.now() > deadline) throw notStarted(image, {}, `${answer.message}\n${container.log()}`);
    await sleep(50);
  }
}

function notStarted(
  image: string,
  { exitCode, code }: { exitCode?: number; code?: string },
  log: string,
): OffsiteError {
  const found = log.trim().split('\n').slice(-5).join('\n') || code || `exit code ${exitCode}`;
  // 125 to 127 are Docker's own: no engine, no image, no shell in it.
  if (code === undefined && (exitCode === undefined || exitCode < 125)) {
    return new OffsiteError('SERVER_FAILED', 'the throw-away Postgres server did not start', {
      expected: 'initdb and postgres to run in the container',
      found,
      hint: 'see whether there is disk space where Docker keeps its containers (docker system df); else name another image (--docker IMAGE)',
    });
  }
  return notRun(image, found);
}

function notRun(image: string, found: string): OffsiteError {
  return new OffsiteError('CONTAINER_UNREACHABLE', 'Docker does not run the throw-away server', {
    expected: 'a Docker engine that you may use, and the image',
    found,
    hint: `try 'docker run --rm ${image} postgres --version'; to use Docker, be root or in group docker`,
  });
}

/** Asks the engine, and runs nothing. @throws {@link OffsiteError} `CONTAINER_UNREACHABLE`. */
export async function probeDocker(image: string): Promise<void> {
  const asked = await execa('docker', ['version'], { reject: false, timeout: probeWithinMs });
  if (asked.failed) throw notRun(image, asked.stderr?.trim() || String(asked.shortMessage));
}
