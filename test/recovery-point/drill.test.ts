// The promise of all of it, with a real server: what a ledger says had committed by a point is there after a recovery to it, and nothing
// else; and where the log does not lead there, that is said, and no shorter recovery is made of it.

import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { begunName, parseWalKey } from '../../lib/archive/wal-names.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import type { Connection } from '../../lib/postgres/connection.ts';
import { findPostgresPrograms, query } from '../../lib/postgres/programs.ts';
import { endServer, startOnFreePort } from '../../lib/postgres/server.ts';
import { unprivilegedUser } from '../../lib/postgres/unprivileged-user.ts';
import { recoverPoint } from '../../lib/recovery-point/recover.ts';
import {
  formatMicros,
  parseInstant,
  parseTarget,
  type RecoveryTarget,
  type TargetFlags,
} from '../../lib/recovery-point/target.ts';
import type { RestoreReport } from '../../lib/report/report.ts';
import { parseChecks } from '../../lib/restore-test/checks.ts';
import { type PointTestOptions, tryPoint } from '../../lib/restore-test/point.ts';
import { choosePoint } from '../../lib/restore-test/random-point.ts';
import { restoreTest } from '../../lib/restore-test/restore-test.ts';
import { parseHistory } from '../../lib/wal/history.ts';
import { parseLsn, segmentAt, segmentName } from '../../lib/wal/segment.ts';
import { bin, built, storeEnvironment, storeOf } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { type CliResult, offsite } from '../fixtures/cli.ts';
import { type ArchivingCluster, makeFolderOf, startArchivingCluster } from '../fixtures/cluster.ts';
import { until } from '../fixtures/events.ts';
import { isLong } from '../fixtures/often.ts';
import { restoreProgram } from '../fixtures/restore-program.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

/** What a transaction left behind once it had committed. */
type Entry = {
  readonly n: number;
  readonly lsn: string;
  readonly at: string;
  readonly xid: string;
  readonly committedAt: string;
};

/** The last of them is in a segment that was never finished. */
const transactions = 13;
let stub: S3Stub;
let cluster: ArchivingCluster;
let folder: string;
/** Of the restore test's container. */
let program: string;
/** What the server's user keeps compiled. */
let compiled: string;
let env: Record<string, string>;
const ledger: Entry[] = [];
let rolledBack = '';
/** Their folders, by name: what the ledger is in. */
const tablespaces: Record<string, string> = { rows: '', keys: '' };

const entry = (n: number) => ledger[n - 1] as Entry;
const upTo = (n: number) => Array.from({ length: n }, (_, at) => at + 1);

const utc = (time: string) => `to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** One transaction, and what it has to remember. */
async function commit(n: number, connection: Connection): Promise<Entry> {
  const [[xid = ''] = [], [lsn = '', at = '', committedAt = ''] = []] = await query(
    connection,
    `BEGIN; INSERT INTO ledger VALUES (${n}, repeat('x', 2000)); SELECT pg_current_xact_id(); COMMIT;
     SELECT pg_current_wal_insert_lsn(), ${utc('clock_timestamp()')}, ${utc(`pg_xact_commit_timestamp((SELECT xmin FROM ledger WHERE n = ${n}))`)};`,
  );
  return { n, lsn, at, xid, committedAt };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offsite-drill-'));
  await chmod(folder, 0o755);
  [stub, cluster, program] = await Promise.all([
    startS3Stub(),
    startArchivingCluster({ max_prepared_transactions: '5' }),
    restoreProgram(),
  ]);
  env = { ...storeEnvironment(stub), ...cluster.connection.env };
  compiled = join(folder, 'compiled');
  await makeFolderOf(compiled);
  for (const name of Object.keys(tablespaces)) {
    tablespaces[name] = join(folder, name);
    await makeFolderOf(tablespaces[name]);
    await cluster.sql(`CREATE TABLESPACE ${name} LOCATION '${tablespaces[name]}'`);
  }
  await cluster.sql(
    'CREATE TABLE ledger (n int PRIMARY KEY USING INDEX TABLESPACE keys, text text) TABLESPACE rows; CREATE TABLE torrents (info_hash bytea PRIMARY KEY)',
  );
  await cluster.sql("SET allow_in_place_tablespaces = on; CREATE TABLESPACE inside LOCATION ''");
  // Of an earlier recovery, perhaps: it is none of ours.
  await cluster.sql('ALTER SYSTEM SET recovery_target_inclusive = off');
  await cluster.sql("ALTER SYSTEM SET unix_socket_group = 'of-another-host'");
  await cluster.sql('ALTER SYSTEM SET max_prepared_transactions = 5');
  // As a standby has it, whose base backup is one like any other.
  writeFileSync(join(cluster.directory, 'data', 'standby.signal'), '');
  expect(await offsite(['basebackup', '--quiet'], env)).toMatchObject({ exitCode: 0, stderr: '' });
  // Both ways at once: what the one has stored, the other finds there.
  const receiving = execa(
    bin,
    ['wal', 'receive', '--dir', join(folder, 'wal'), '--partial-interval', '100ms'],
    {
      env: { ...env, XDG_STATE_HOME: folder },
      reject: false,
      forceKillAfterDelay: false,
    },
  );
  await until('the log is received', async () => {
    const [[active] = []] = await cluster.sql('SELECT bool_or(active) FROM pg_replication_slots');
    return active === 't';
  });
  for (let n = 1; n <= transactions; n += 1) {
    ledger.push(await commit(n, cluster.connection));
    if (n === 7) await cluster.sql("SELECT pg_create_restore_point('seven')");
    if (n === 8) await cluster.sql("BEGIN; CREATE TABLE held (n int); PREPARE TRANSACTION 'held'");
    if (n === 9) [[rolledBack = ''] = []] = await cluster.sql('BEGIN; SELECT pg_current_xact_id(); ROLLBACK');
    if (n === 10) await cluster.sql("COMMIT PREPARED 'held'");
    if (n % 6 === 0) await cluster.switchWal();
  }
  expect(await offsite(['wal', 'ship', '--dir', cluster.walFolder], env)).toMatchObject({
    exitCode: 0,
    stderr: '',
  });
  expect(readdirSync(cluster.walFolder)).toEqual([]);
  await until('all of it is received and shipped', () => {
    const begun = [...stub.bucket.objects.keys()].map((key) => parseWalKey(key)?.file);
    const last = parseLsn(entry(transactions).lsn) ?? 0n;
    const name = segmentName(1, segmentAt(last, 2 ** 24), 2 ** 24);
    // Its last record may end in zeros.
    return begun.some(
      (file) => file?.name.startsWith(name) && (file.filledBytes ?? 0) > Number(last % 2n ** 24n) - 8,
    );
  });
  receiving.kill();
  expect(await receiving).toMatchObject({ exitCode: 143 });
  // The host is lost.
  const [pid] = readFileSync(join(cluster.directory, 'data', 'postmaster.pid'), 'utf8').split('\n');
  process.kill(Number(pid), 'SIGKILL');
  for (const lost of [cluster.directory, ...Object.values(tablespaces)])
    rmSync(lost, { recursive: true, force: true, maxRetries: 20 });
});
afterAll(async () => {
  await Promise.all([stub?.stop(), cluster?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

const dataOf = (name: string) => join(folder, name, 'data');
/** Not by bin/offsite: the code that it keeps is root's alone, and the server's user would compile the program for each segment. */
const restore = async (name: string, ...args: string[]): Promise<CliResult> => {
  const command = [built, 'restore', '--quiet', '--data-directory', dataOf(name), ...args];
  const { exitCode, stdout, stderr } = await execa(process.execPath, command, {
    env: { ...env, NODE_COMPILE_CACHE: compiled },
    extendEnv: false,
    reject: false,
  });
  return { exitCode, stdout, stderr };
};

/** Starts what was recovered, as one would, and lets somebody do something with it. */
async function inside<T>(
  name: string,
  settings: Readonly<Record<string, string>>,
  act: (connection: Connection) => Promise<T>,
): Promise<T> {
  const user = await unprivilegedUser();
  const binDir = findPostgresPrograms() ?? '';
  const { server, port } = await startOnFreePort(binDir, join(folder, name), settings, user, undefined);
  try {
    return await act({ via: 'server', env: { ...cluster.connection.env, PGPORT: String(port) } });
  } finally {
    await endServer(server);
  }
}

const rowsOf = (connection: Connection) =>
  query(connection, 'SELECT n FROM ledger ORDER BY 1').then((rows) => rows.map(([n]) => Number(n)));
const rowsIn = (name: string) => inside(name, { archive_mode: 'off' }, rowsOf);

/** Segments in the store, in the order of the log. */
const segments = () =>
  [...stub.bucket.objects.keys()].filter((key) => parseWalKey(key)?.file.kind === 'segment').sort();

/** Of a small file of the log. */
const textOf = (part: string) => {
  const [, object] = [...stub.bucket.objects].find(([key]) => key.includes(part)) ?? [];
  return gunzipSync(object?.bytes ?? '').toString();
};

/** Takes something out of the store, or puts something in, for a while. */
async function whileChanged<T>(change: () => void, act: () => Promise<T>): Promise<T> {
  const before = new Map(stub.bucket.objects);
  change();
  try {
    return await act();
  } finally {
    stub.bucket.objects.clear();
    for (const [key, object] of before) stub.bucket.objects.set(key, object);
  }
}

describe("the restore test's recovery to a point", () => {
  const archiveId = 'bitagent-2026-11-23-031500Z';
  const ledgerCheck =
    "-- check: ledger\nSELECT count(*) >= 0, 'entries ' || coalesce(string_agg(n::text, ',' ORDER BY n), '') FROM ledger";
  const tested = (): PointTestOptions => ({
    store: storeOf(stub),
    source: 'bitagent',
    checks: async () => [{ checks: parseChecks(ledgerCheck, 'checks'), origin: 'own' }],
    restoreCommand: `${process.execPath} ${program} wal fetch %f %p`,
    env: {
      ...storeEnvironment(stub),
      OFFSITE_TOPIC_ARN: 'none',
      OFFSITE_ARCHIVE_ID: archiveId,
    },
    // What was stored in the last minutes counts for nothing.
    now: () => new Date(Date.now() + 3_600_000),
  });
  /** The entries that had committed by then, and no others. */
  const by = (target = '') => {
    const { micros } = parseInstant(target);
    return ledger.filter(({ committedAt }) => parseInstant(committedAt).micros <= micros).map(({ n }) => n);
  };

  it('comes to the very entries that had committed by the point that chance has chosen, and by its seed again', async () => {
    const { outcome, seed = '', target, timeline, window, checks } = (await tryPoint(tested())) ?? {};
    const found = Object.fromEntries(checks?.map(({ name, ...check }) => [name, check]) ?? []);
    for (const name of ['system_identifier', 'timeline', 'point_reached', 'amcheck'])
      expect(found[name]).toMatchObject({ outcome: 'pass' });
    expect(found.ledger?.detail).toBe(`entries ${by(target).join(',')}`);
    expect([outcome, timeline]).toEqual(['passed', 1]);
    const micros = (text = '') => parseInstant(text).micros;
    expect(micros(window?.until)).toBe(micros(entry(transactions).committedAt));
    const again = choosePoint({ from: micros(window?.from), until: micros(window?.until) }, seed) ?? 0n;
    expect(target).toBe(formatMicros(again));
  });

  const failing = (change: () => void) => whileChanged(change, () => tryPoint(tested()));
  const baseKey = (suffix: string) =>
    [...stub.bucket.objects.keys()].find(
      (key) => key.startsWith('basebackups/') && key.endsWith(suffix),
    ) as string;

  it('fails where the log has a gap, and names it; the archive of the same test is another matter', async () => {
    const [, gone = ''] = segments();
    const name = parseWalKey(gone)?.file.name ?? 'none';
    const mails: Mail[] = [];
    const { store, restoreCommand, env, now } = tested();
    const { failure, point } = await whileChanged(
      () => stub.bucket.objects.delete(gone),
      async () =>
        (await restoreTest({
          store,
          archiveId,
          startServer: () => expect.unreachable('there is no such archive'),
          point: { restoreCommand, env },
          now,
          sendMail: async (mail) => void mails.push(mail),
        })) as Extract<RestoreReport, { outcome: 'failed' }>,
    );
    expect(failure.code).toBe('MANIFEST_MISSING');
    expect(point).toMatchObject({ outcome: 'failed', failure: { code: 'WAL_MISSING', found: name } });
    expect(mails.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^Recovery to a point FAILED: 1 segment of the log missing\.$/m),
    ]);
  });

  it('fails where there is no log', async () => {
    const empty = await failing(() => {
      for (const key of stub.bucket.objects.keys())
        if (key.startsWith('wal/')) stub.bucket.objects.delete(key);
    });
    expect(empty).toMatchObject({ outcome: 'failed', failure: { code: 'POINT_OUTSIDE_WINDOW' } });
  });

  it('fails where no base backup is intact, or of a version that there is no server of, and says what to do', async () => {
    const manifestKey = baseKey('.manifest.json');
    const manifest = stub.bucket.objects.get(manifestKey)?.bytes.toString() ?? '';
    const newer = await failing(() =>
      stub.bucket.put(
        manifestKey,
        Buffer.from(manifest.replace(/("serverVersionNumber": ?)\d+/, '$1990001')),
        {},
      ),
    );
    expect(newer).toMatchObject({
      failure: { code: 'PROGRAM_MISSING', hint: expect.stringContaining('postgresMajor: 99') },
    });
    const gone = await failing(() => stub.bucket.objects.delete(baseKey('.tar.gz')));
    expect(gone).toMatchObject({
      failure: { code: 'NOTHING_INTACT', found: expect.stringContaining('missing') },
    });
  });

  it('is silent of a source without base backups', async () => {
    expect(await tryPoint({ ...tested(), source: 'another' })).toBeUndefined();
  });
});

describe('a recovery to a point of the ledger', () => {
  const points: Record<string, readonly [flags: () => string[], rows: number]> = {
    'time, in the midst of it': [() => ['--to-time', entry(5).committedAt], 5],
    'all of it, to the segment that was being written': [() => ['--to-latest', '--timeline', '1'], 13],
    ...(isLong && {
      'time, early': [() => ['--to-time', entry(1).at], 1],
      'time, in the last segment': [() => ['--to-time', entry(11).at], 11],
      transaction: [() => ['--to-xid', entry(4).xid], 4],
      nothing: [() => ['--immediate'], 0],
    }),
  };
  it.each(Object.entries(points))('by %s has what had committed by then', async (name, [flags, rows]) => {
    const place = name.replaceAll(/\W+/g, '-');
    const found = await restore(place, ...flags());
    expect(found).toMatchObject({ exitCode: 0 });
    expect(found.stdout).toMatch(/now on timeline \d/);
    expect(await rowsIn(place)).toEqual(upTo(rows));
  });

  it('by position has it too, whatever is missing behind it', async () => {
    const last = segments().at(-1) as string;
    const elsewhere = join(folder, 'other-disk');
    mkdirSync(join(folder, 'lsn'));
    // Another disk is often a link to it.
    for (const link of [elsewhere, dataOf('lsn')]) {
      mkdirSync(`${link}-itself`);
      symlinkSync(`${link}-itself`, link);
    }
    const mapping = `${tablespaces.rows}=${elsewhere}`;
    const found = await whileChanged(
      () => stub.bucket.objects.delete(last),
      () => restore('lsn', '--to-lsn', entry(3).lsn, '--json', '--tablespace-mapping', mapping),
    );
    expect(found).toMatchObject({ exitCode: 0, stderr: '' });
    const below = join(dataOf('lsn'), 'tablespaces');
    const places = [
      { location: tablespaces.rows, folder: elsewhere },
      { location: tablespaces.keys, folder: expect.stringContaining(below) },
    ];
    expect(answerOf('restore --to-…', found.stdout)).toMatchObject({
      timeline: 2,
      folder: dataOf('lsn'),
      tablespaces: places,
    });
    expect(await rowsIn('lsn')).toEqual(upTo(3));
    const [[rows] = [], [keys] = []] = await inside('lsn', { archive_mode: 'off' }, (connection) =>
      query(
        connection,
        "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname IN ('rows', 'keys') ORDER BY oid",
      ),
    );
    expect([rows, keys]).toEqual([elsewhere, expect.stringContaining(below)]);
  });

  it.runIf(isLong)('by all there is before a gap has that', async () => {
    const [, , gone = '', ...later] = segments();
    expect(later).toHaveLength(1);
    const found = await whileChanged(
      () => stub.bucket.objects.delete(gone),
      () => restore('gap', '--to-latest', '--despite-gap'),
    );
    expect(found).toMatchObject({ exitCode: 0 });
    expect(await rowsIn('gap')).toEqual([]);
  });

  it('by name, from which another timeline goes on: each leads to what it holds', async () => {
    expect(await restore('name', '--to-name', 'seven')).toMatchObject({ exitCode: 0 });
    // As a server on the host has it.
    const state = join(folder, 'state');
    mkdirSync(state);
    await chmod(state, 0o777);
    const words = Object.entries({ ...storeEnvironment(stub), XDG_STATE_HOME: state }).map(
      ([name, value]) => `${name}=${value}`,
    );
    const archiving = {
      track_commit_timestamp: 'on',
      archive_mode: 'on',
      archive_command: `env -i ${words.join(' ')} ${bin} wal push %p`,
    };
    await inside('name', archiving, async (connection) => {
      expect(await rowsOf(connection)).toEqual(upTo(7));
      const [[times = '', altered = ''] = []] = await query(
        connection,
        "SELECT string_agg(pg_xact_commit_timestamp(xmin)::text, ',' ORDER BY n), current_setting('unix_socket_group') FROM ledger",
      );
      expect([times.split(',').map((time) => parseInstant(time).micros), altered]).toEqual([
        upTo(7).map((n) => parseInstant(entry(n).committedAt).micros),
        'of-another-host',
      ]);
      await commit(100, connection);
      const [[name = ''] = []] = await query(connection, 'SELECT pg_walfile_name(pg_switch_wal())');
      await query(
        connection,
        `DO $$ BEGIN LOOP PERFORM pg_stat_clear_snapshot(); EXIT WHEN (SELECT last_archived_wal = '${name}' FROM pg_stat_archiver); PERFORM pg_sleep(0.02); END LOOP; END $$`,
      );
    });
    const stored = [...stub.bucket.objects.keys()].map((key) => parseWalKey(key)?.file.name);
    expect(stored).toContain('00000002.history');
    const child = await restore('child', '--to-latest');
    expect(child).toMatchObject({ exitCode: 0 });
    // Its parent has the rest of the ledger: nobody shall miss that unknowingly.
    expect(child.stderr).toContain('timeline 1 goes on');
    expect(await rowsIn('child')).toEqual([...upTo(7), 100]);
  });

  it('has of a segment in which timelines part what was begun of it before, where the one that is followed has none of it', async () => {
    const { leftAt = 0n } = parseHistory(textOf('/00000002.history-'))?.at(-1) ?? {};
    const segment = segmentName(1, segmentAt(leftAt, 2 ** 24), 2 ** 24);
    const whole = segments().find((key) => key.includes(`/${segment}-`)) as string;
    const bytes = gunzipSync(stub.bucket.objects.get(whole)?.bytes ?? '');
    /** As it was received up to there; the last zeros of a record are not told from what is behind. */
    const begunTo = (end: number) => {
      const copy = Buffer.alloc(bytes.length);
      bytes.copy(copy, 0, 0, end);
      const sha256 = createHash('sha256').update(copy).digest('hex');
      const filled = copy.findLastIndex((byte) => byte !== 0) + 1;
      return [whole.replace(/[^/]+$/, `${begunName(segment, filled)}-${sha256}.gz`), gzipSync(copy)] as const;
    };
    const parting = Number(leftAt % 2n ** 24n);
    const restoreFrom = (name: string, end: number, ...flags: string[]) =>
      whileChanged(
        () => {
          for (const key of stub.bucket.objects.keys()) {
            const { kind, timeline } = parseWalKey(key)?.file ?? {};
            if (kind === 'begun' || (kind === 'segment' && (timeline === 2 || key >= whole)))
              stub.bucket.objects.delete(key);
          }
          stub.bucket.put(...begunTo(end), {});
        },
        () => restore(name, '--to-latest', ...flags),
      );
    expect(await restoreFrom('begun', parting)).toMatchObject({ exitCode: 0 });
    expect(await rowsIn('begun')).toEqual(upTo(7));
    // What goes on beyond has more than the timeline that is followed ever had.
    const beyond = Number((parseLsn(entry(9).lsn) ?? 0n) % 2n ** 24n);
    expect((await restoreFrom('beyond', beyond)).stderr).toContain('WAL_MISSING');
  });

  it('never goes on on a timeline that it has left, where the log of the one it follows is not there', async () => {
    const found = await whileChanged(
      () => {
        for (const key of segments()) if (key.includes('/00000002')) stub.bucket.objects.delete(key);
      },
      () => restore('parted', '--to-latest', '--despite-gap'),
    );
    expect(found).toMatchObject({ exitCode: 0 });
    // The seventh is in the segment in which they part, of which the one that was left has more.
    expect(await rowsIn('parted')).toEqual(upTo(6));
  });
});

describe('a point that the log does not lead to is refused before anything is fetched:', () => {
  const refused = async (
    flags: TargetFlags,
    change: () => void = () => undefined,
    byTimeline?: 'the newest',
  ) => {
    const recovering = whileChanged(change, () =>
      recoverPoint({
        store: storeOf(stub),
        source: 'bitagent',
        target: parseTarget(flags) as RecoveryTarget,
        timeline: byTimeline === undefined ? 1 : undefined,
        despiteGap: false,
        from: undefined,
        folder: dataOf('refused'),
        restoreCommand: 'false',
        env: {},
        onWay: () => expect.unreachable('it leads there'),
      }),
    );
    const error = await recovering.then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(OffsiteError);
    expect(readdirSync(dataOf('refused'))).toEqual([]);
    return error as OffsiteError;
  };
  const segment = (number: number) =>
    segments().find((key) => key.includes(`/00000001000000000000000${number}-`)) as string;

  it('it is before the oldest base backup', async () => {
    const error = await refused({ toTime: '2020-01-01T00:00:00Z' });
    expect(error).toMatchObject({
      code: 'POINT_OUTSIDE_WINDOW',
      expected: expect.stringMatching(/^a point from 20/),
    });
    expect(await refused({ toLsn: '0/1000000' })).toMatchObject({ code: 'POINT_OUTSIDE_WINDOW' });
  });

  it('it is after the end of the log, and the window is named', async () => {
    const error = await refused({ toTime: '2099-01-01T00:00:00+02:00' });
    expect(error.code).toBe('POINT_OUTSIDE_WINDOW');
    expect(error.expected).toContain(`and before ${entry(transactions).at.slice(0, 10)} `);
    const beyond = await refused({ toLsn: '7/0' });
    const [, end = ''] = /up to position (\S+)/.exec(String(beyond.expected)) ?? [];
    // No record begins there: the server would replay all of it, and then say that it did not come to it.
    for (const { code, hint } of [beyond, await refused({ toLsn: end })]) {
      expect(code).toBe('POINT_OUTSIDE_WINDOW');
      expect(hint).toContain('--to-latest');
    }
  });

  it('a segment is missing on the way', async () => {
    const gone = segment(3);
    for (const flags of [{ toTime: entry(10).at }, { toLsn: entry(10).lsn }, { toLatest: true }]) {
      const error = await refused(flags, () => stub.bucket.objects.delete(gone));
      expect(error).toMatchObject({ code: 'WAL_MISSING', found: parseWalKey(gone)?.file.name });
    }
  });

  it('the last finished segment is not there, and the one after it was begun', async () => {
    const own = segments().filter((key) => key.includes('/00000001'));
    const begun =
      [...stub.bucket.objects.keys()].findLast((key) => parseWalKey(key)?.file.kind === 'begun') ?? '';
    const gone = own.at(-1) as string;
    const [goneName, begunSegment] = [gone, begun].map(
      (key) => parseWalKey(key)?.file.name.slice(0, 24) ?? '',
    );
    expect((begunSegment ?? '') > (goneName ?? '')).toBe(true);
    const error = await refused({ toLatest: true }, () => stub.bucket.objects.delete(gone));
    expect(error).toMatchObject({ code: 'WAL_MISSING', found: goneName });
  });

  it('there is log of a later timeline, and its history is not there', async () => {
    const history = [...stub.bucket.objects.keys()].find((key) =>
      key.includes('/00000002.history-'),
    ) as string;
    const error = await refused({ toLatest: true }, () => stub.bucket.objects.delete(history), 'the newest');
    expect(error).toMatchObject({
      code: 'WAL_MISSING',
      found: '00000002.history',
      hint: expect.stringContaining('--timeline 1'),
    });
  });

  it('the log that the base backup itself needs is not there', async () => {
    const error = await refused({ immediate: true }, () => {
      // A copy of one that was being written may hold it, too.
      for (const key of stub.bucket.objects.keys())
        if (/segment|begun/.test(parseWalKey(key)?.file.kind ?? '')) stub.bucket.objects.delete(key);
    });
    expect(error).toMatchObject({ code: 'POINT_OUTSIDE_WINDOW', expected: expect.stringContaining('needs') });
  });

  it('a segment on the way, or the last one, was read and is damaged', async () => {
    for (const [key, flags] of [
      [segment(3), { toTime: entry(10).at }],
      [segments().findLast((one) => one.includes('/00000001')) as string, { toLatest: true }],
    ] as const) {
      const verdict = key.replace(/^wal\//, 'wal-verdicts/').replace(/\.gz$/, '.json');
      const error = await refused(flags, () => void stub.bucket.put(verdict, Buffer.from('{}'), {}));
      expect(error).toMatchObject({ code: 'ARCHIVE_DAMAGED', found: parseWalKey(key)?.file.name });
    }
  });

  it('a segment is there twice, with different bytes', async () => {
    const other = segment(3).replace(/[0-9a-f]{64}/, 'f'.repeat(64));
    const error = await refused({ toLsn: entry(11).lsn }, () => {
      stub.bucket.put(other, Buffer.from('x'), {});
    });
    expect(error.code).toBe('WAL_CONFLICT');
  });
});

describe('the window', () => {
  it('is shown, and what it breaks off at', async () => {
    const { bucket } = stub;
    const history = `1\t${entry(7).lsn}\ta recovery was tried\n`;
    const segment = segmentName(2, segmentAt(parseLsn(entry(7).lsn) ?? 0n, 2 ** 24), 2 ** 24);
    const store = (name: string, content: string) => {
      const sha256 = createHash('sha256').update(content).digest('hex');
      bucket.put(segments()[0]?.replace(/[^/]+$/, `${name}-${sha256}.gz`) ?? '', gzipSync(content), {});
    };
    const tried = (...flags: string[]) =>
      whileChanged(
        () => {
          for (const key of bucket.objects.keys())
            if ((parseWalKey(key)?.file.timeline ?? 1) > 1) bucket.objects.delete(key);
          store('00000002.history', history);
          store(segment, 'archived by it');
        },
        () => offsite(['wal', 'window', ...flags], env),
      );
    const whole = await tried();
    expect(whole).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/^\S+ {2}timeline 1 goes on to .*timeline 2, .*offsite basebackup/),
    });
    expect(whole.stdout).toMatch(/^bitagent-\S+ .* whole$/m);
    expect(answerOf('wal window', (await tried('--json')).stdout)).toMatchObject([
      { timeline: 2, log: 'whole', beside: [{ timeline: 1, at: entry(7).lsn }] },
    ]);
    const [, , gone = ''] = segments();
    const broken = await whileChanged(
      () => stub.bucket.objects.delete(gone),
      () => offsite(['wal', 'window', '--json'], env),
    );
    expect(broken.exitCode).toBe(5);
    expect(answerOf('wal window', broken.stdout)).toMatchObject([
      { missing: [parseWalKey(gone)?.file.name], missingCount: 1, conflicting: [] },
    ]);
  });
});

describe('a recovery', () => {
  it('ends at a segment that was changed, and says so: it is no shorter one', async () => {
    const changed = segments().find(
      (key) => parseWalKey(key)?.file.timeline === 1 && key.includes('0000000000000004'),
    ) as string;
    const object = stub.bucket.objects.get(changed);
    const found = await whileChanged(
      () => {
        stub.bucket.objects.set(changed, { ...object, bytes: Buffer.from('changed') } as never);
      },
      () => restore('changed', '--to-lsn', entry(11).lsn, '--timeline', '1'),
    );
    expect(found).toMatchObject({ exitCode: 7, stdout: '' });
    expect(found.stderr).toContain('RECOVERY_FAILED');
    expect(found.stderr).toContain('ARCHIVE_DAMAGED');
  });

  it('says of a transaction that it was rolled back, which others had not ended, and that one of an epoch never was', async () => {
    const never = String(BigInt(rolledBack) + 2n ** 32n);
    const found = await restore('never', '--to-xid', never, '--timeline', '1');
    expect(found).toMatchObject({ exitCode: 7, stdout: '' });
    for (const said of [
      'was rolled back',
      '1 prepared transaction had not',
      `never was a transaction ${never}`,
    ])
      expect(found.stderr).toContain(said);
    expect(found.stderr).toContain(`found     transaction ${rolledBack},`);
  });

  it('of a last segment that is not log to its end says so', async () => {
    const key = segments().findLast((one) => parseWalKey(one)?.file.timeline === 1) as string;
    const bytes = gunzipSync(stub.bucket.objects.get(key)?.bytes ?? '');
    bytes.fill('x', Number((parseLsn(entry(10).lsn) ?? 0n) % 2n ** 24n) + 100, bytes.length);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const found = await whileChanged(
      () => {
        const { bucket } = stub;
        for (const one of bucket.objects.keys())
          if (one === key || parseWalKey(one)?.file.kind === 'begun') bucket.objects.delete(one);
        bucket.put(key.replace(/[0-9a-f]{64}/, sha256), gzipSync(bytes), {});
      },
      () => restore('unreadable', '--to-latest', '--timeline', '1'),
    );
    expect(found).toMatchObject({ exitCode: 0 });
    expect(found.stderr).toMatch(/the last of the log, was replayed up to [0-9A-F/]+ only: \w/);
    expect(await rowsIn('unreadable')).toEqual(upTo(10));
  });

  it('writes into no folder that holds anything', async () => {
    mkdirSync(dataOf('full'), { recursive: true });
    writeFileSync(join(dataOf('full'), 'PG_VERSION'), '15');
    const found = await restore('full', '--to-latest');
    expect(found.stderr).toContain('FOLDER_NOT_EMPTY');
    expect(readdirSync(dataOf('full'))).toEqual(['PG_VERSION']);
    const mapping = `${tablespaces.keys}=${dirname(dataOf('full'))}`;
    const other = await restore('apart', '--to-latest', '--tablespace-mapping', mapping);
    expect(other.stderr).toContain('FOLDER_NOT_EMPTY');
    expect(other.stderr).toContain('--tablespace-mapping');
    expect(readdirSync(dirname(dataOf('full')))).toEqual(['data']);
    writeFileSync(join(folder, 'file'), '');
    for (const place of ['file', 'file/below'])
      expect((await restore('none', '--to-latest', '--data-directory', join(folder, place))).stderr).toMatch(
        /RESTORE_REFUSED[\s\S]*--data-directory/,
      );
  });
});
