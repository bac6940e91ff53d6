// To the minute: somebody drops a table between two nights, and the cluster comes back as it was just before.

import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseWalKey } from '../../archive/wal-names.ts';
import { findProgram } from '../../base/find-program.ts';
import { formatBytes, formatCount } from '../../base/quantities.ts';
import { query } from '../../postgres/programs.ts';
import { endServer, startOnFreePort } from '../../postgres/server.ts';
import { unprivilegedUser } from '../../postgres/unprivileged-user.ts';
import { parseLsn, segmentAt, segmentNumber } from '../../wal/segment.ts';
import type { Night } from '../stage/keeper.ts';
import { type Database, keysBelow, offsiteOutput, type Run, runOffsite, type Stage } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';

const notes = ['one', 'two', 'three'];
const pollMs = 50;
/** As they are where nobody chose. */
const segmentBytes = 2 ** 24;

/** Takes a base backup while the log is received, loses a table, and recovers to the moment before. */
export async function comeBack(scene: Scene, { stage, database, torrents }: Night): Promise<void> {
  const missing = ['pg_basebackup', 'pg_receivewal'].filter((program) => findProgram(program) === undefined);
  if (missing.length > 0) {
    scene.say(`SKIPPED: there is no ${missing.join(' and no ')} here (Debian: postgresql-client).`);
    return scene.summarize(`skipped: no ${missing.join(', no ')}`);
  }
  const at = await loseTable(scene, stage, database);
  const folder = join(stage.directory, 'recovered', 'data');
  scene.command(`offsite restore --to-time ${at} --data-directory recovered`);
  const args = ['restore', '--to-time', at, '--data-directory', folder, '--quiet', '--json'];
  const { stdout } = await offsiteOutput(stage, database, args);
  const { lastTransactionAt } = JSON.parse(stdout) as { lastTransactionAt: string };
  const found = await lookInto(stage, database, dirname(folder));
  scene.check('the notes of before', notes, found.notes);
  scene.check('torrents of then', torrents, found.torrents);
  scene.say(
    `The table is there again, and ${formatCount(found.torrents)} torrents; the last transaction is of ${lastTransactionAt}.`,
  );
  scene.figures(found);
  scene.summarize(`${notes.length} rows and ${formatCount(found.torrents)} torrents, as of ${at}`);
}

/** @returns When all was still there. */
async function loseTable(scene: Scene, stage: Stage, database: Database): Promise<string> {
  const server = database.server.connection;
  const enough = new AbortController();
  scene.command('offsite wal receive &');
  const receiving = runOffsite(
    stage,
    database,
    ['wal', 'receive', '--dir', join(stage.directory, 'log')],
    server.env,
    enough.signal,
  );
  const received = async (isThere: () => Promise<boolean>) => {
    while (!(await isThere())) await Promise.race([sleep(pollMs), receiving.then(endedError)]);
  };
  try {
    await received(async () => {
      const [[active] = []] = await query(server, 'SELECT bool_or(active) FROM pg_replication_slots');
      return active === 't';
    });
    scene.command('offsite basebackup');
    const taken = await offsiteOutput(stage, database, ['basebackup', '--quiet', '--json'], server.env);
    const { plainBytes, compressedBytes, startLsn } = JSON.parse(taken.stdout);
    const first = segmentAt(parseLsn(startLsn) ?? 0n, segmentBytes);
    scene.say(
      `A base backup: ${formatBytes(plainBytes ?? 0)}, ${formatBytes(compressedBytes ?? 0)} in the vault.`,
    );
    scene.command(`psql -c 'DROP TABLE notes', by mistake`);
    const [[at = '', segment = ''] = []] = await query(
      database.source,
      `CREATE TABLE notes AS SELECT unnest(ARRAY['${notes.join("', '")}']) AS note;
      SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), pg_walfile_name(pg_current_wal_insert_lsn());
      DROP TABLE notes`,
    );
    await query(server, 'SELECT pg_switch_wal()');
    // Each of them: they are stored side by side, and the last may be there first.
    await received(async () => {
      const files = (await keysBelow(stage, 'wal/')).map((key) => parseWalKey(key)?.file);
      const stored = files.flatMap((file) =>
        file?.kind === 'segment' ? segmentNumber(file.name, segmentBytes) : [],
      );
      const needed = segmentNumber(segment, segmentBytes) - first + 1;
      return Array.from({ length: needed }, (_, at) => first + at).every((number) => stored.includes(number));
    });
    return at;
  } finally {
    enough.abort();
    await receiving;
    // Nobody receives any more: the server need keep nothing.
    await query(
      server,
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active',
    );
  }
}

function endedError({ stderr }: Run): never {
  throw new Error(`offsite wal receive ended: ${stderr}`);
}

/** Starts what was recovered, as one would. */
async function lookInto(stage: Stage, { source, server }: Database, directory: string) {
  const user = await unprivilegedUser();
  const settings = { archive_mode: 'off', ...quickly };
  const { server: recovered, port } = await startOnFreePort(
    stage.binDir,
    directory,
    settings,
    user,
    stage.signal,
  );
  try {
    const env = { ...server.connection.env, PGDATABASE: source.env.PGDATABASE ?? '', PGPORT: String(port) };
    const ask = (sql: string) => query({ via: 'server', env }, sql);
    const [rows, [[torrents] = []]] = await Promise.all([
      ask('SELECT note FROM notes'),
      ask('SELECT count(*) FROM torrents'),
    ]);
    return { notes: rows.map(([note]) => note), torrents: Number(torrents) };
  } finally {
    await endServer(recovered);
  }
}

const quickly = { fsync: 'off', autovacuum: 'off' };
