// The way back without this program's restore: a file, gunzip and psql, as on the day when nothing else is at hand.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { formatBytes, formatCount } from '../../base/quantities.ts';
import { query } from '../../postgres/programs.ts';
import type { Night } from '../stage/keeper.ts';
import { ambient, offsiteOutput } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';
import { type Census, takeCensus } from './opening.ts';

/** Fetches the latest archive and has it tested by gunzip. @returns The file. */
export async function fetchLatest(scene: Scene, { stage, database, id }: Night): Promise<string> {
  const file = join(stage.directory, 'latest.sql.gz');
  scene.command('offsite fetch latest -o latest.sql.gz');
  const { stderr } = await offsiteOutput(stage, database, ['fetch', 'latest', '-o', file]);
  scene.quote(stderr);
  scene.check('the archive that was fetched', true, stderr.includes(id));
  scene.command('gunzip -t latest.sql.gz');
  const tested = await execa('gunzip', ['-t', file], { reject: false });
  scene.check('exit code of gunzip -t', 0, tested.exitCode);
  scene.check('words of gunzip -t', '', tested.stderr);
  const { size } = await stat(file);
  scene.figures({ bytes: size });
  scene.summarize(`${formatBytes(size)}, gunzip -t content`);
  return file;
}

/** Restores the file with psql into a database made for it, and compares that with the original. */
export async function restoreByHand(
  scene: Scene,
  { stage, database }: Night,
  file: string,
  expected: Census,
): Promise<void> {
  const fresh = 'by_hand';
  const owner = database.source.env.PGUSER ?? '';
  scene.command(`createdb -E UTF8 -O ${owner} -T template0 ${fresh}`);
  await query(
    database.server.connection,
    `CREATE DATABASE ${fresh} OWNER ${owner} TEMPLATE template0 ENCODING 'UTF8'`,
  );
  scene.command(`gunzip -c latest.sql.gz | psql -X -q -v ON_ERROR_STOP=1 ${fresh}`);
  const env = { ...ambient(stage), ...database.server.connection.env, PGDATABASE: fresh };
  const restored = await execa('gunzip', ['-c', file], { buffer: false, reject: false }).pipe(
    'psql',
    ['-X', '-q', '-v', 'ON_ERROR_STOP=1'],
    { extendEnv: false, env, stdout: 'ignore', reject: false },
  );
  scene.check('exit code of psql', 0, restored.exitCode);
  scene.check('words of psql', '', restored.stderr);
  scene.command(`vacuumdb --analyze-only ${fresh}`);
  await query(database.server.connection, 'ANALYZE', { database: fresh });
  const census = await takeCensus(database, fresh);
  scene.command(`psql ${fresh} -c 'SELECT count(*) FROM torrents'`);
  scene.quote(formatCount(census.torrents));
  scene.check('what came back', expected, census);
  scene.say(
    `The same as in the original: ${formatCount(census.torrents)} torrents, ${census.tables} tables, ` +
      `${census.indexes} indexes, ${census.foreignKeys} foreign keys, ${census.largeObjects} large object.`,
  );
  scene.figures({ torrents: census.torrents, census });
  scene.summarize(`${formatCount(census.torrents)} torrents, the same as before`);
}
