// `offsite restore` against the documented way, into the same server as it comes: createdb,
// `gunzip -c | psql`. Ours compares rows and objects, and makes the planner's statistics besides.

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { clientCommand, query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import type { Row } from './contest.ts';
import { type Measured, measure, median } from './measure.ts';
import { offsite, type Setting } from './setting.ts';

const database = 'restored';
const smallTorrents = 500;

/** @param file - An archive, with its manifest beside it. */
export async function restoreCommandContest(setting: Setting, runs: number, file: string): Promise<Row[]> {
  const server = await startThrowawayPostgres();
  try {
    const small = await smallDump(setting);
    await query(server.connection, 'CREATE ROLE bitmagnet');
    return [
      ...(await contest(server, setting, runs, { file, size: 'the archive', target: { atLeast: 1.4 } })),
      ...(await contest(server, setting, runs, {
        file: small,
        size: 'a small dump',
        target: { atLeast: 1 },
      })),
    ];
  } finally {
    await server.stop();
  }
}

type Subject = { readonly file: string; readonly size: string; readonly target: Row['target'] };

async function contest(
  server: ThrowawayPostgres,
  setting: Setting,
  runs: number,
  { file, size, target }: Subject,
): Promise<Row[]> {
  const times = { documented: [] as number[], ours: [] as number[] };
  for (let run = 1; run <= runs; run += 1) {
    const documented = await documentedWay(server, setting, file);
    const ours = await ourWay(server, setting, file);
    times.documented.push(documented.seconds);
    times.ours.push(ours.seconds);
    const figures = `gunzip | psql: ${documented.seconds.toFixed(2)} s, ours ${ours.seconds.toFixed(2)} s`;
    process.stderr.write(`  run ${run}/${runs}  ${size}, ${figures}\n`);
  }
  const [documented, ours] = [median(times.documented), median(times.ours)];
  const row = (what: string, value: number, unit: Row['unit']) => ({
    contest: 'restore',
    what: `${size}: ${what}`,
    value,
    unit,
  });
  return [
    row('createdb, gunzip -c | psql', documented, 's'),
    row('offsite restore', ours, 's'),
    { ...row('offsite restore is faster', documented / ours, '×'), ...(target && { target }) },
  ];
}

async function documentedWay(server: ThrowawayPostgres, setting: Setting, file: string): Promise<Measured> {
  await fresh(server);
  const line = `createdb -O bitmagnet -T template0 -E UTF8 ${database} && gunzip -c ${file} | psql -X -q -v ON_ERROR_STOP=1 -d ${database} > /dev/null`;
  const env = { ...setting.env, ...server.connection.env };
  return measure({ argv: ['sh', '-c', line], env });
}

async function ourWay(server: ThrowawayPostgres, setting: Setting, file: string): Promise<Measured> {
  await fresh(server);
  const argv = [offsite, 'restore', file, '--dbname', database, '--create-roles', '--quiet', '--json'];
  return measure({ argv: argv as [string, ...string[]], env: { ...setting.env, ...server.connection.env } });
}

/** What the one before has left to be written is not this one's to wait for. */
async function fresh(server: ThrowawayPostgres): Promise<void> {
  await query(server.connection, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  await query(server.connection, 'CHECKPOINT');
}

async function smallDump({ folder }: Setting): Promise<string> {
  const origin = await startThrowawayPostgres({ tuned: true });
  try {
    const corpus = await loadCorpus(origin.connection, { torrents: smallTorrents, edge: true });
    const { program, args, env } = clientCommand(corpus, 'pg_dump', []);
    const { stdout } = await promisify(execFile)(program, [...args], {
      env,
      encoding: 'buffer',
      maxBuffer: 2 ** 30,
    });
    const file = join(folder, 'small.sql.gz');
    await writeFile(file, gzipSync(stdout));
    return file;
  } finally {
    await origin.stop();
  }
}
