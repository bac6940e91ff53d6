// The process of a Postgres server: started over a cluster that is there, watched until it answers, ended.

import { once } from 'node:events';
import { chown, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { OffsiteError } from '../base/errors.ts';
import type { User } from './unprivileged-user.ts';

export type Server = ReturnType<typeof spawnServer>;

const readyWithinMs = 60_000;
const stopWithinMs = 10_000;
const portAttempts = 5;
const logTailBytes = 4096;

/**
 * Starts a server on a free port of 127.0.0.1, and waits until it answers.
 *
 * @param directory - With a cluster in `data`.
 * @throws `OffsiteError` `SERVER_FAILED` with its last words; it has ended then.
 */
export async function startOnFreePort(
  binDir: string,
  directory: string,
  settings: Readonly<Record<string, string>>,
  user: User | undefined,
  signal: AbortSignal | undefined,
): Promise<{ server: Server; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const server = spawnServer(binDir, directory, port, settings, user);
    try {
      await untilReady(server, directory, signal);
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
  const child = execa(join(binDir, 'postgres'), ['-D', join(directory, 'data'), ...settingArgs(all)], {
    ...user,
    cwd: directory,
    env: { LC_ALL: 'C' },
    stdin: 'ignore',
    stdout: 'ignore',
    buffer: false,
    reject: false,
    // To postgres this means: end at once, without saving.
    killSignal: 'SIGQUIT',
  });
  let tail = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-logTailBytes);
  });
  return { child, log: () => tail };
}

/** As arguments of `postgres`. */
export function settingArgs(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/**
 * Writes what a cluster is run by in place of the files that came with it.
 *
 * @param hba - Who is let in.
 * @returns The settings that name them.
 */
export async function ownFiles(folder: string, hba: string, owner: User | undefined) {
  const files = {
    config_file: join(folder, 'own.conf'),
    hba_file: join(folder, 'hba.conf'),
    ident_file: join(folder, 'ident.conf'),
  };
  for (const [name, path] of Object.entries(files)) {
    await writeFile(path, name === 'hba_file' ? `${hba}\n` : '', { mode: 0o600 });
    if (owner !== undefined) await chown(path, owner.uid, owner.gid);
  }
  return files;
}

/** The process that runs a cluster, once it has said what pg_ctl waits for: a word in the eighth line of postmaster.pid. */
export async function readyIn(data: string): Promise<number | undefined> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return lines[7]?.trim() === 'ready' ? Number(lines[0]) : undefined;
}

async function untilReady(server: Server, directory: string, signal: AbortSignal | undefined): Promise<void> {
  const deadline = Date.now() + readyWithinMs;
  let ended = false;
  void server.child.finally(() => {
    ended = true;
  });
  for (;;) {
    signal?.throwIfAborted();
    if (ended) throw serverFailed('postgres', server.log());
    if ((await readyIn(join(directory, 'data'))) === server.child.pid) return;
    if (Date.now() > deadline) throw serverFailed('postgres', `not ready after 60 s\n${server.log()}`);
    await sleep(15);
  }
}

/** Ends a server at once, and waits for its end. */
export async function endServer({ child }: Server): Promise<void> {
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

/** @param log - The last of what the program said. */
export function serverFailed(program: string, log: string): OffsiteError {
  const lines = log.trim().split('\n').slice(-5);
  return new OffsiteError('SERVER_FAILED', 'the throw-away Postgres server did not start', {
    expected: `${program} to start a server in ${tmpdir()}`,
    found: lines.join('\n'),
    hint: 'see whether there is disk space and memory (df -h, free -m), and let the user postgres (or nobody) enter that directory',
  });
}
