// The restore against the documented way, each into a fresh server: `gunzip -c | psql` into a default cluster, and the
// restore test's own loading into its throw-away server. Making the servers is not measured.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { makeSandbox } from '../../lib/restore-test/sandbox.ts';
import type { Row } from './contest.ts';
import { type Command, type Measured, measure, median } from './measure.ts';
import { projectRoot, type Setting } from './setting.ts';
import { keptBucket } from './sink.ts';

type Stored = { readonly id: string; readonly file: string; readonly plainBytes: number };

const database = 'restored';
const countSql = 'SELECT count(*) FROM public.torrents';

/** Measures both, in turns, and holds what they restored against each other. */
export async function restoreContest(setting: Setting, runs: number, stored: Stored): Promise<Row[]> {
  const program = await bundle(setting.folder);
  const times = { documented: [] as number[], ours: [] as number[], peakMiB: [] as number[] };
  for (let run = 1; run <= runs; run += 1) {
    const documented = await documentedWay(setting, stored);
    const ours = await ourWay(setting, stored, program);
    if (documented.torrents !== ours.torrents)
      throw new Error('the two ways restored different numbers of torrents');
    times.documented.push(documented.seconds);
    times.ours.push(ours.seconds);
    times.peakMiB.push(ours.peakMiB);
    const figures = `${documented.seconds.toFixed(2)} s, ours ${ours.seconds.toFixed(2)} s, ${ours.peakMiB.toFixed(0)} MiB`;
    process.stderr.write(`  run ${run}/${runs}  gunzip | psql: ${figures}\n`);
  }
  const row = (what: string, value: number, unit: Row['unit'], target?: Row['target']): Row => ({
    contest: 'restore',
    what,
    value,
    unit,
    ...(target && { target }),
  });
  const [documented, ours] = [median(times.documented), median(times.ours)];
  return [
    row('gunzip -c | psql into a default cluster', documented, 's'),
    row('the restore test’s loading', ours, 's'),
    row('faster than the documented way', documented / ours, '×', { atLeast: 1.4 }),
    row('peak memory of our own process', median(times.peakMiB), 'MiB', { atMost: 150 }),
  ];
}

async function documentedWay(setting: Setting, { file }: Stored): Promise<Measured & { torrents: string }> {
  return withServer(false, async ({ connection }) => {
    await query(
      connection,
      `CREATE ROLE bitmagnet; CREATE DATABASE ${database} OWNER bitmagnet TEMPLATE template0 ENCODING 'UTF8'`,
    );
    const line = `gunzip -c ${file} | psql -X -q -v ON_ERROR_STOP=1 > /dev/null`;
    const env = { ...setting.env, ...connection.env, PGDATABASE: database };
    return measured({ argv: ['sh', '-c', line], env }, connection);
  });
}

async function ourWay(
  setting: Setting,
  { id }: Stored,
  program: string,
): Promise<Measured & { torrents: string }> {
  return withServer(true, async ({ connection }) => {
    const inventory = { roles: ['bitmagnet'], extensions: ['pg_trgm', 'btree_gin'] };
    const sandbox = await makeSandbox({ connection, database, inventory });
    const argv = [process.execPath, '--max-semi-space-size=1', program, keptBucket, id, database];
    const env = { ...setting.env, ...sandbox.connection.env };
    return measured({ argv: argv as [string, ...string[]], env }, connection);
  });
}

async function measured(
  command: Command,
  connection: ThrowawayPostgres['connection'],
): Promise<Measured & { torrents: string }> {
  const figures = await measure(command);
  const [row] = await query(connection, countSql, { database });
  return { ...figures, torrents: row?.[0] ?? '' };
}

async function withServer<T>(tuned: boolean, use: (server: ThrowawayPostgres) => Promise<T>): Promise<T> {
  const server = await startThrowawayPostgres({ tuned });
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

async function bundle(folder: string): Promise<string> {
  const out = join(folder, 'restore-program.cjs');
  const flags = [
    '--bundle',
    '--platform=node',
    '--target=node24',
    '--format=cjs',
    '--minify',
    '--main-fields=module,main',
  ];
  const args = [
    join(projectRoot, 'test/bench/restore-program.ts'),
    ...flags,
    `--outfile=${out}`,
    '--log-level=warning',
  ];
  await promisify(execFile)(join(projectRoot, 'node_modules', '.bin', 'esbuild'), args);
  return out;
}
