// What the benchmark runs against: a database, a sink, and the environment of the programs that are measured.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { connectionFromEnvironment } from '../../lib/postgres/connection.ts';
import { findPostgresPrograms } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';

export const projectRoot = join(import.meta.dirname, '..', '..');
/** As a host has it, which {@link prepare} lays out: the package, by the PATH's Node. */
export const offsite = join(projectRoot, 'dist/cli/bin/offsite');

export type Setting = {
  /** Of every program: Postgres, credentials, PATH, a state folder of its own. */
  readonly env: Readonly<Record<string, string>>;
  readonly sink: string;
  readonly folder: string;
  stop(): Promise<void>;
};

/**
 * Prepares everything.
 *
 * @param ownServer - Dumps what PG* of the environment describe, instead of loading a corpus.
 */
export async function prepare(torrents: number, ownServer: boolean): Promise<Setting> {
  const folder = await mkdtemp(join(tmpdir(), 'offsite-bench-'));
  const stops: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    await promisify(execFile)(process.execPath, [join(projectRoot, 'bin/pack-cli.ts')]);
    const sink = await startSink();
    stops.push(() => end(sink.child));
    const postgres = ownServer
      ? process.env
      : await startCorpus(torrents, (stopPostgres) => stops.push(stopPostgres));
    const connection = connectionFromEnvironment(postgres) as { env: Record<string, string> };
    const env = {
      ...connection.env,
      PATH: [dirname(process.execPath), findPostgresPrograms(), process.env.PATH].join(delimiter),
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_ENDPOINT_URL: sink.url,
      OFFSITE_BUCKET: 'sink',
      XDG_STATE_HOME: join(folder, 'state'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      LC_ALL: 'C',
    };
    return { env, sink: sink.url, folder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startCorpus(
  torrents: number,
  onStarted: (stop: () => Promise<void>) => void,
): Promise<Record<string, string>> {
  const began = performance.now();
  process.stderr.write(`loading ${torrents} torrents …\n`);
  const postgres = await startThrowawayPostgres({ tuned: true });
  onStarted(postgres.stop);
  const connection = await loadCorpus(postgres.connection, { torrents, edge: true });
  if (connection.via !== 'server') throw new Error('a corpus that is not at a server');
  process.stderr.write(`loaded in ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
  return connection.env;
}

async function startSink(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'sink.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return { child, url: line.toString('utf8').trim() };
}

/** It ends with its stdin. */
async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.stdin?.end();
  await gone;
}

/** Bytes that the sink has taken so far. */
export async function receivedBytes(sink: string): Promise<number> {
  return Number(await (await fetch(`${sink}/received`)).text());
}
