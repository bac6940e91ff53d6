// Point-in-time recovery against what Postgres brings itself, on one server: a base backup, the log under pgbench, and the way back.
// pgbackrest takes its turn where it is on the PATH.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { findProgram } from '../../lib/base/find-program.ts';
import { findPostgresPrograms, query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { unprivilegedUser } from '../../lib/postgres/unprivileged-user.ts';
import { markForRecovery } from '../../lib/recovery-point/lay-out.ts';
import { readClusterLog } from '../../lib/recovery-point/read-vault.ts';
import { replay } from '../../lib/recovery-point/replay.ts';
import { targetSettings } from '../../lib/recovery-point/target.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { restoreCommandOf } from '../../lib/wal/ahead.ts';
import { archiveCommand } from '../../lib/wal/archive-command.ts';
import { continuityOf } from '../../lib/wal/continuity.ts';
import { parseLsn } from '../../lib/wal/segment.ts';
import { type Contestant, contest, type Row, ratio, typical } from './contest.ts';
import { cpuSecondsOf, measure, median } from './measure.ts';
import { offsite, type Setting } from './setting.ts';
import { keptBucket } from './sink.ts';

/** Some 600 MB; nothing of it is alike, so that it compresses as tables do. */
const scale = 40;
const benchSeconds = 30;
const sampleMs = 1000;
/** A file beside the log: while it is there, nothing is archived. */
const quiet = 'quiet';

type Bench = {
  readonly server: ThrowawayPostgres;
  readonly env: Readonly<Record<string, string>>;
  /** What archive_command fills. */
  readonly walFolder: string;
};

export async function pitrContest(setting: Setting, runs: number): Promise<Row[]> {
  const walFolder = join(setting.folder, 'wal');
  mkdirSync(walFolder);
  chmodSync(setting.folder, 0o755);
  const user = await unprivilegedUser();
  if (user !== undefined) await execa('chown', [`${user.uid}:${user.gid}`, walFolder]);
  const server = await startThrowawayPostgres({
    settings: {
      archive_mode: 'on',
      archive_command: `if test -e ${join(walFolder, quiet)}; then true; else ${archiveCommand(walFolder)}; fi`,
      // For pgbackrest.
      unix_socket_directories: walFolder,
      shared_buffers: '256MB',
      max_wal_size: '2GB',
      full_page_writes: 'on',
    },
  });
  const env = { ...setting.env, ...server.connection.env, OFFSITE_BUCKET: keptBucket };
  try {
    await measure({ argv: ['pgbench', '-q', '-i', '-s', String(scale)], env });
    const bench = { server, env, walFolder };
    return [
      ...(await baseBackups(bench, setting, runs)),
      ...(await shipping(bench, setting, runs)),
      ...(await comingBack(bench, setting, runs)),
    ];
  } finally {
    await server.stop();
  }
}

const row = (what: string, value: number, unit: Row['unit'], more: Partial<Row> = {}): Row => ({
  contest: 'to the minute',
  what,
  value,
  unit,
  ...more,
});

async function baseBackups(bench: Bench, setting: Setting, runs: number): Promise<Row[]> {
  const { env } = bench;
  const plain = 'pg_basebackup -D - -F tar -X none --checkpoint=fast --manifest-checksums=SHA256';
  const shell = (name: string, line: string): Contestant => ({
    name,
    command: { argv: ['sh', '-c', line], env },
  });
  // To the bucket that throws it away, as /dev/null does.
  const ours: Contestant = {
    name: 'offsite basebackup',
    command: { argv: [offsite, 'basebackup', '--quiet', '--bucket', 'sink'], env },
  };
  const rival = await pgBackRest(bench, setting);
  const igzip = findProgram('igzip') === undefined ? [] : [shell('igzip', `${plain} | igzip -1 > /dev/null`)];
  const figures = await contest([shell('alone', `${plain} > /dev/null`), ...igzip, ours, ...rival], runs);
  return [
    row('pg_basebackup > /dev/null', typical(figures, 'alone'), 's'),
    row('offsite basebackup ÷ that', ratio(figures, ours.name, 'alone'), '×', { target: { atMost: 1.15 } }),
    ...(igzip.length === 0
      ? []
      : [row('offsite basebackup ÷ pg_basebackup into igzip -1', ratio(figures, ours.name, 'igzip'), '×')]),
    row('offsite basebackup, peak memory', typical(figures, ours.name, 'peakMiB'), 'MiB'),
    ...rival.map(({ name }) =>
      row(`offsite basebackup ÷ ${name}`, ratio(figures, ours.name, name), '×', {
        note: 'gzip -1, into a folder',
      }),
    ),
  ];
}

/** Into a folder: its S3 speaks TLS alone. */
async function pgBackRest({ server, walFolder, env }: Bench, { folder }: Setting): Promise<Contestant[]> {
  if (findProgram('pgbackrest') === undefined) {
    process.stderr.write('  SKIPPED: pgbackrest is not on the PATH (Debian: apt-get install pgbackrest)\n');
    return [];
  }
  const flags = [
    ...['--stanza=bench', `--pg1-path=${join(server.directory, 'data')}`, `--pg1-port=${server.port}`],
    ...[`--pg1-socket-path=${walFolder}`, `--pg1-user=${env.PGUSER}`, '--log-level-console=error'],
    ...[`--repo1-path=${join(folder, 'pgbackrest')}`, `--log-path=${folder}`, `--lock-path=${folder}`],
  ];
  await execa('pgbackrest', [...flags, '--no-online', 'stanza-create'], { env });
  const own = ['--compress-type=gz', '--compress-level=1', '--repo1-retention-full=1', '--start-fast'];
  const argv = ['pgbackrest', ...flags, ...own, '--type=full', '--no-archive-check', 'backup'];
  return [{ name: 'pgbackrest', command: { argv: argv as [string, ...string[]], env } }];
}

const ways = ['alone', 'ship', 'receive'] as const;
type Way = (typeof ways)[number];
type Shared = { rate: number; behindSeconds: number; agentSeconds: number; storeSeconds: number };

/** pgbench alone, with no archive_command, and beside each way of shipping, in another order each time; and how far behind the vault was. */
async function shipping(bench: Bench, setting: Setting, runs: number): Promise<Row[]> {
  const found: Record<Way, Shared[]> = { alone: [], ship: [], receive: [] };
  for (let run = 0; run < runs; run += 1) {
    for (const way of ways.map((_, at) => ways[(at + run) % ways.length] as Way)) {
      const shared = await beside(bench, setting, way);
      found[way].push(shared);
      const figures = Object.entries(shared).map(([name, value]) => `${name} ${value.toFixed(1)}`);
      process.stderr.write(`  run ${run + 1}/${runs}  ${way}: ${figures.join(', ')}\n`);
    }
  }
  const middle = (way: Way, what: keyof Shared) => median(found[way].map((shared) => shared[what]));
  return (['ship', 'receive'] as const).flatMap((way) => [
    row(
      `wal ${way}: the vault is behind at most`,
      Math.max(...found[way].map(({ behindSeconds }) => behindSeconds)),
      's',
      { target: { atMost: 60 } },
    ),
    row(`wal ${way}: transactions beside it ÷ alone`, middle(way, 'rate') / middle('alone', 'rate'), '×', {
      target: { atLeast: 0.9 },
      note: `CPU of ${benchSeconds} s: ours ${middle(way, 'agentSeconds').toFixed(1)} s, the store's ${middle(way, 'storeSeconds').toFixed(1)} s`,
    }),
  ]);
}

async function beside(bench: Bench, setting: Setting, way: Way): Promise<Shared> {
  const { env, server, walFolder } = bench;
  await archived(server);
  for (const name of readdirSync(walFolder).filter((one) => /^[0-9A-F]{24}/.test(one)))
    rmSync(join(walFolder, name));
  if (way !== 'ship') writeFileSync(join(walFolder, quiet), '');
  await query(server.connection, 'CHECKPOINT');
  const received = join(setting.folder, 'received');
  const args = way === 'ship' ? ['ship', '--dir', walFolder, '--follow'] : ['receive', '--dir', received];
  const agent =
    way === 'alone'
      ? undefined
      : // As its unit has it (lib/nightly/systemd.ts).
        spawn('nice', ['-n', '10', offsite, 'wal', ...args], {
          env: { ...process.env, ...env },
          stdio: 'ignore',
        });
  const store = async () => Number(await (await fetch(`${setting.sink}/cpu`)).text());
  const before = await store();
  const figures = await pgbench(bench);
  const shared = {
    ...figures,
    agentSeconds: cpuSecondsOf(agent?.pid),
    storeSeconds: (await store()) - before,
  };
  agent?.kill('SIGTERM');
  if (agent !== undefined) await once(agent, 'exit');
  await query(
    server.connection,
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active',
  );
  rmSync(received, { recursive: true, force: true });
  rmSync(join(walFolder, quiet), { force: true });
  return shared;
}

async function pgbench(
  { env, server }: Bench,
  seconds = benchSeconds,
): Promise<{ rate: number; behindSeconds: number }> {
  const running = measure({ argv: ['pgbench', '-n', '-c', '4', '-j', '1', '-T', String(seconds)], env });
  let hasEnded = false;
  const ended = running.finally(() => {
    hasEnded = true;
  });
  const [identifier] =
    (await query(server.connection, 'SELECT system_identifier FROM pg_control_system()'))[0] ?? [];
  const cluster = { source: 'bitagent', systemIdentifier: identifier ?? '', segmentBytes: 2 ** 24 };
  const store = createS3Store({
    bucket: keptBucket,
    endpoint: env.AWS_ENDPOINT_URL as string,
    region: 'us-east-1',
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
  });
  const samples: { readonly at: number; readonly lsn: bigint }[] = [];
  let behindSeconds = 0;
  // Alone, too: looking costs something.
  while (!hasEnded) {
    const [[lsn = ''] = []] = await query(server.connection, 'SELECT pg_current_wal_flush_lsn()');
    samples.push({ at: performance.now(), lsn: parseLsn(lsn) ?? 0n });
    const log = await readClusterLog(store, cluster);
    const from = samples[0]?.lsn ?? 0n;
    const { end } = continuityOf(log, {
      from,
      fromTimeline: 1,
      timeline: 1,
      ancestors: [],
      segmentBytes: cluster.segmentBytes,
    });
    const missing = samples.find((sample) => sample.lsn > end);
    if (missing !== undefined)
      behindSeconds = Math.max(behindSeconds, (performance.now() - missing.at) / 1000);
    await sleep(sampleMs);
  }
  const { stdout } = await ended;
  return { rate: Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1]), behindSeconds };
}

/** Ends the segment, and waits until it is archived. */
async function archived({ connection }: ThrowawayPostgres): Promise<void> {
  const [[last = ''] = []] = await query(connection, 'SELECT pg_walfile_name(pg_switch_wal())');
  await query(connection, untilArchived(last));
}

/** How long a replay takes, with the documentation's `cp` from a folder and with ours; and ours alone, for the same segments. */
async function comingBack(bench: Bench, setting: Setting, runs: number): Promise<Row[]> {
  const { env, server, walFolder } = bench;
  const [base, kept, place] = ['base', 'kept', 'place'].map((name) => join(setting.folder, name)) as [
    string,
    string,
    string,
  ];
  await measure({ argv: ['pg_basebackup', '-D', base, '-X', 'none', '--checkpoint=fast'], env });
  await pgbench(bench, 3 * benchSeconds);
  await archived(server);
  await execa('cp', ['-rp', walFolder, kept]);
  const names = readdirSync(kept)
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .sort();
  await measure({ argv: [offsite, 'wal', 'ship', '--dir', walFolder], env });
  const command = restoreCommandOf(`${offsite} wal fetch %f %p`);
  const took: Record<'cp' | 'ours' | 'fetch', number[]> = { cp: [], ours: [], fetch: [] };
  for (let run = 1; run <= Math.max(1, Math.floor(runs / 2)); run += 1) {
    took.cp.push(await replayed(base, place, `cp ${kept}/%f %p`, env));
    took.ours.push(await replayed(base, place, command, env));
    await execa('cp', ['-rp', base, place]);
    const began = performance.now();
    for (const name of names) {
      const line = command.replaceAll('%f', name).replaceAll('%p', 'pg_wal/RECOVERYXLOG');
      await execa('sh', ['-c', line], { env, cwd: place });
    }
    took.fetch.push((performance.now() - began) / 1000);
    rmSync(place, { recursive: true });
    const said = Object.entries(took).map(([name, seconds]) => `${name} ${seconds.at(-1)?.toFixed(1)} s`);
    process.stderr.write(`  run ${run}  ${names.length} segments: ${said.join(', ')}\n`);
  }
  const note = `${names.length} segments`;
  return [
    row('replay with restore_command = cp', median(took.cp), 's', { note }),
    row('replay with wal fetch ÷ that', median(took.ours) / median(took.cp), '×'),
    row('wal fetch of each segment, in one run', median(took.fetch), 's', { note }),
    row('wal fetch, faster than replay', median(took.cp) / median(took.fetch), '×', {
      target: { atLeast: 1 },
    }),
  ];
}

const untilArchived = (name: string) => `DO $$ BEGIN LOOP PERFORM pg_stat_clear_snapshot();
  EXIT WHEN (SELECT last_archived_wal COLLATE "C" >= '${name}' FROM pg_stat_archiver);
  PERFORM pg_sleep(0.1); END LOOP; END $$`;

/** Seconds from the start of a server until all that its restore_command brings is replayed. */
async function replayed(
  base: string,
  place: string,
  restoreCommand: string,
  env: Bench['env'],
): Promise<number> {
  const owner = await unprivilegedUser();
  await execa('cp', ['-rp', base, place]);
  if (owner !== undefined) await execa('chown', ['-R', `${owner.uid}:${owner.gid}`, place]);
  await markForRecovery(place, owner);
  const settings = {
    restore_command: restoreCommand,
    archive_library: '',
    ...targetSettings({ kind: 'latest' }, 1),
  };
  const began = performance.now();
  await replay({
    folder: place,
    binDir: findPostgresPrograms() ?? '',
    owner,
    settings,
    env: { ...process.env, ...env },
  });
  const seconds = (performance.now() - began) / 1000;
  rmSync(place, { recursive: true });
  return seconds;
}
