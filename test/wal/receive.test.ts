// The log of a real server, received by a real pg_receivewal: whatever is killed, cut or gone, what comes to the vault is whole, or it is
// said what is not.

import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseWalKey } from '../../lib/archive/wal-names.ts';
import type { OffsiteError } from '../../lib/base/errors.ts';
import { zlibCompressor } from '../../lib/gzip/zlib-compressor.ts';
import { clientCommand, findPostgresPrograms, query } from '../../lib/postgres/programs.ts';
import { endServer, startOnFreePort } from '../../lib/postgres/server.ts';
import { unprivilegedUser } from '../../lib/postgres/unprivileged-user.ts';
import { readClusterLog } from '../../lib/recovery-point/read-vault.ts';
import { patienceOf } from '../../lib/store/session.ts';
import { copyBegun, filledBytesIn } from '../../lib/wal/begun.ts';
import { continuityOf } from '../../lib/wal/continuity.ts';
import { type ReceiveOptions, type ReceiveReport, receiveWal } from '../../lib/wal/receive.ts';
import { parseLsn, segmentHeaderBytes, segmentNumber } from '../../lib/wal/segment.ts';
import { bin, storeEnvironment, storeOf } from '../fixtures/agent.ts';
import { type ArchivingCluster, startArchivingCluster } from '../fixtures/cluster.ts';
import { until } from '../fixtures/events.ts';
import { startNewerServer } from '../fixtures/newer-server.ts';
import { often, oftenWithinMs } from '../fixtures/often.ts';
import { commandLines } from '../fixtures/postgres.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';
import { namesFrom, segmentOf, writeSegment } from '../fixtures/wal.ts';

const source = 'bitagent';
const segmentBytes = 16 * 2 ** 20;
const slotName = 'offsite_bitagent';

let stub: S3Stub;
let cluster: ArchivingCluster;
let folder: string;
let systemIdentifier: string;

beforeAll(async () => {
  [stub, cluster] = await Promise.all([startS3Stub(), startArchivingCluster()]);
  const rows = await cluster.sql('CREATE TABLE t (n int); SELECT system_identifier FROM pg_control_system()');
  systemIdentifier = rows[0]?.[0] ?? '';
});
afterAll(() => Promise.all([stub?.stop(), cluster?.stop()]));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offsite-receive-'));
});
afterEach(async () => {
  stub.bucket.objects.clear();
  rmSync(folder, { recursive: true });
  await untilInServer(
    'NOT EXISTS (SELECT FROM pg_replication_slots)',
    'PERFORM pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active;',
  );
});

/** The server looks: a psql for each look would take more of the processor than what is waited for. */
const untilInServer = (condition: string, first = '') =>
  cluster.sql(
    `DO $$ BEGIN
       FOR look IN 1..6000 LOOP ${first} IF ${condition} THEN RETURN; END IF; PERFORM pg_sleep(0.01); END LOOP;
       RAISE 'waited in vain: %', $c$${condition}$c$;
     END $$`,
  );

const names = () => [...stub.bucket.objects.keys()].map((key) => parseWalKey(key)?.file.name ?? key).sort();
const vaultHas = (name: string) => until(`${name} in the vault`, () => names().includes(name));

/** Receives until the test ends it, or something else does. */
function receive(more: Partial<ReceiveOptions> = {}) {
  const ending = new AbortController();
  const said: string[] = [];
  const reports: ReceiveReport[] = [];
  const ended = receiveWal({
    connection: cluster.connection,
    store: storeOf(stub),
    source,
    folder,
    systemIdentifier: undefined,
    slotName,
    compressor: zlibCompressor('fast'),
    partialIntervalMs: 0,
    // Each time asks the server, by a psql: it is for those who wait for what is told.
    tellEveryMs: 3_600_000,
    lookEveryMs: 20,
    retryMs: 50,
    // A busy machine takes its time.
    endWithinMs: 60_000,
    onServer: () => undefined,
    onReport: (report) => reports.push(report),
    say: (line) => said.push(line),
    ...more,
    signal: ending.signal,
  }).then(
    () => expect.unreachable(),
    (error: OffsiteError) => error,
  );
  const end = async () => {
    ending.abort(new Error('ended by the test'));
    expect((await ended).message).toBe('ended by the test');
  };
  return { said, reports, ended, end };
}

const slotIsHeld = () =>
  untilInServer(`EXISTS (SELECT FROM pg_replication_slots WHERE active AND slot_name = '${slotName}')`);

/** Fills a part of a segment, and ends it. @returns Its name. */
const nextSegment = () => cluster.switchWal('INSERT INTO t SELECT generate_series(1, 1000);');

/** Nothing is missing between the first and the last that is in the vault, and nothing is there twice. */
async function expectWhole(timeline = 1): Promise<void> {
  const log = await readClusterLog(storeOf(stub), { source, systemIdentifier, segmentBytes });
  const from = BigInt(log.spans[0]?.first ?? 0) * BigInt(segmentBytes);
  const ancestors = log.histories.get(timeline) ?? [];
  const found = continuityOf(log, { from, fromTimeline: 1, timeline, ancestors, segmentBytes });
  expect(found).toMatchObject({ missing: [], conflicting: [] });
}

/** What leads to the server, and can be cut. */
async function startWire() {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(cluster.port, '127.0.0.1');
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined).on('close', () => other.destroy());
      one.pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const env = { ...cluster.connection.env, PGPORT: String((server.address() as AddressInfo).port) };
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return { connection: { via: 'server', env } as const, cut, stop: () => server.close(cut) };
}

describe('the log of a server', () => {
  it('comes segment by segment, and the one that is being written as far as it goes', async () => {
    const run = receive({ partialIntervalMs: 50, tellEveryMs: 50 });
    await slotIsHeld();
    expect(run.said.join()).toContain(`replication slot ${slotName} was created`);
    const first = await nextSegment();
    await vaultHas(first);
    const [[lsn = ''] = []] = await cluster.sql(
      'INSERT INTO t VALUES (0); SELECT pg_current_wal_flush_lsn()',
    );
    await until('what was written last is in the vault', async () => {
      const log = await readClusterLog(storeOf(stub), { source, systemIdentifier, segmentBytes });
      const from = BigInt(segmentNumber(first, segmentBytes)) * BigInt(segmentBytes);
      const course = { from, fromTimeline: 1, timeline: 1, ancestors: [], segmentBytes };
      // The last record may end in zeros.
      return continuityOf(log, course).end > (parseLsn(lsn) ?? 0n) - 16n;
    });
    await until('all is told to be shipped', () => run.reports.at(-1)?.waiting.bytes === 0);
    expect(run.reports.some(({ begun }) => begun > 0)).toBe(true);
    await run.end();
    await expectWhole();
  });

  it('goes as far as it was received when the receiver is told to end, however long before the next time', async () => {
    const run = receive({ partialIntervalMs: 3_600_000 });
    await slotIsHeld();
    const first = await nextSegment();
    await vaultHas(first);
    const [[lsn = ''] = []] = await cluster.sql(
      'INSERT INTO t VALUES (0); SELECT pg_current_wal_flush_lsn()',
    );
    const filled = Number((parseLsn(lsn) ?? 0n) % BigInt(segmentBytes)) - 16;
    await until('it is here', async () => {
      const begun = readdirSync(folder).find((name) => name.endsWith('.partial'));
      return begun !== undefined && (await filledBytesIn(join(folder, begun))) > filled;
    });
    await run.end();
    const begun = [...stub.bucket.objects.keys()].map((key) => parseWalKey(key)?.file.filledBytes ?? 0);
    expect(Math.max(...begun)).toBeGreaterThan(filled);
    await expectWhole();
  });

  it('goes on where it was when the connection is cut, and waits here while the vault is away', async () => {
    const wire = await startWire();
    const store = storeOf(stub, { patience: patienceOf(0) });
    const run = receive({ connection: wire.connection, store, tellEveryMs: 50 });
    await slotIsHeld();
    await vaultHas(await nextSegment());
    wire.cut();
    await until('it is said', () => run.said.some((line) => line.includes('DATABASE_UNREACHABLE')));
    await vaultHas(await nextSegment());
    await stub.disconnect();
    const waiting = [await nextSegment(), await nextSegment()];
    await until('what waits is told', () => (run.reports.at(-1)?.waiting.bytes ?? 0) > segmentBytes);
    expect(run.reports.at(-1)?.waiting.since).toBeInstanceOf(Date);
    await until('the vault is missed', () => run.said.some((line) => line.includes('STORE_UNREACHABLE')));
    await stub.reconnect();
    for (const name of waiting) await vaultHas(name);
    await run.end();
    wire.stop();
    await expectWhole();
  });

  it(
    'is whole however often the agent is killed, and nothing outlives it',
    async () => {
      const env = { ...storeEnvironment(stub), ...cluster.connection.env, XDG_STATE_HOME: folder };
      const start = () =>
        execa(bin, ['wal', 'receive', '--partial-interval', '100ms'], {
          env,
          reject: false,
          forceKillAfterDelay: false,
        });
      for (let kill = 0; kill < often(2, 50); kill += 1) {
        const child = start();
        await slotIsHeld();
        const at = stub.requests.length + 1 + Math.floor(Math.random() * 4);
        await nextSegment();
        await until('it is at work', () => stub.requests.length >= at || names().length > 0);
        child.kill('SIGKILL');
        await child;
        await until('no pg_receivewal is left', () => !commandLines().some((line) => line.includes(folder)));
      }
      const child = start();
      await slotIsHeld();
      await vaultHas(await nextSegment());
      child.kill('SIGTERM');
      expect(await child).toMatchObject({ exitCode: 143, stderr: expect.stringContaining('INTERRUPTED') });
      await expectWhole();
    },
    oftenWithinMs,
  );

  it('copies nothing of a segment that pg_receivewal still gives its length: a long one takes seconds', async () => {
    const [name = ''] = namesFrom(3, 1);
    const written = segmentOf(name);
    const path = writeSegment(folder, `${name}.partial`, written.subarray(0, written.length / 2));
    expect(await copyBegun(path, name, folder, 0)).toBeUndefined();
    writeFileSync(path, written);
    expect(await copyBegun(path, name, folder, 0)).toMatchObject({ filledBytes: expect.any(Number) });
    for (const one of readdirSync(folder)) rmSync(join(folder, one));
  });

  it('follows a standby that is promoted onto its timeline', async () => {
    const user = await unprivilegedUser();
    const binDir = findPostgresPrograms() ?? '';
    const copy = mkdtempSync(join(tmpdir(), 'offsite-standby-'));
    const args = ['-D', join(copy, 'data'), '-R', '-X', 'stream', '--checkpoint=fast', '--no-sync'];
    const base = clientCommand(cluster.connection, 'pg_basebackup', args, { binDir });
    await execa(base.program, base.args, { env: base.env, extendEnv: false });
    if (user !== undefined) await execa('chown', ['-R', `${user.uid}:${user.gid}`, copy]);
    const settings = { archive_mode: 'off', fsync: 'off', hot_standby: 'on' };
    const { server, port } = await startOnFreePort(binDir, copy, settings, user, undefined);
    const connection = {
      via: 'server',
      env: { ...cluster.connection.env, PGPORT: String(port) },
    } as const;
    const run = receive({ connection, partialIntervalMs: 50 });
    try {
      await until('it is received', () => run.said.some((line) => line.includes('was created')));
      await vaultHas(await nextSegment());
      await query(connection, 'SELECT pg_promote()');
      const [[name = ''] = []] = await query(
        connection,
        'INSERT INTO t VALUES (1); SELECT pg_walfile_name(pg_switch_wal())',
      );
      await vaultHas(name);
      expect(names()).toContain('00000002.history');
      await run.end();
      await expectWhole(2);
    } finally {
      await run.end();
      await endServer(server);
      rmSync(copy, { recursive: true, force: true });
    }
  });

  it('of a server that was made anew begins with a folder of its own, once what waited of the one before is in the vault', async () => {
    const run = receive();
    await slotIsHeld();
    await stub.disconnect();
    await nextSegment();
    const [[name = ''] = []] = await cluster.sql(
      'INSERT INTO t VALUES (0); SELECT pg_walfile_name(pg_current_wal_insert_lsn())',
    );
    await until('the next one is begun', async () => {
      const path = join(folder, `${name}.partial`);
      return existsSync(path) && (await filledBytesIn(path)) > segmentHeaderBytes;
    });
    await run.end();
    await stub.reconnect();
    const before = readdirSync(folder).map((file) => file.slice(0, 24));
    const pushed: string[] = [];
    // Of the other there is its number alone, so that it is refused as soon as it is asked.
    const { ended } = receive({ systemIdentifier: '42', onPushed: ({ key }) => void pushed.push(key) });
    expect(await ended).toMatchObject({ code: 'WAL_FOREIGN' });
    expect(readdirSync(folder)).toEqual([]);
    expect(names().map((file) => file.slice(0, 24))).toEqual(before.toSorted());
    // Whoever notes whose log the source's is hears nothing of it.
    expect(pushed).toEqual([]);
  });
});

describe('it is said what is wrong, and what to do:', () => {
  it('a slot that the server gave up loses log', async () => {
    const first = receive();
    await slotIsHeld();
    await vaultHas(await nextSegment());
    await first.end();
    await cluster.sql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'; SELECT pg_reload_conf()");
    for (let count = 0; count < 3; count += 1) await nextSegment();
    await cluster.sql('CHECKPOINT');
    const error = await receive().ended;
    expect(error).toMatchObject({ code: 'WAL_SLOT_LOST', found: expect.stringContaining('lost') });
    expect(error.message).toMatch(/^the log from 0\/\w+ to 0\/\w+ \(\d.*\) was removed/);
    expect(error.hint).toContain(`SELECT pg_drop_replication_slot('${slotName}')`);
    await cluster.sql(`SELECT pg_drop_replication_slot('${slotName}')`);
    // The folder still says where it was: nobody goes on behind a gap unknowingly, and no slot is left that keeps log for nobody.
    expect(await receive().ended).toMatchObject({ code: 'WAL_SLOT_LOST' });
    expect(await cluster.sql('SELECT slot_name FROM pg_replication_slots')).toEqual([]);
    rmSync(folder, { recursive: true });
    // Any checkpoint would take the next slot's log, too.
    await cluster.sql('ALTER SYSTEM RESET max_slot_wal_keep_size; SELECT pg_reload_conf()');
    await until('the limit is gone', async () => {
      const [[limit] = []] = await cluster.sql('SHOW max_slot_wal_keep_size');
      return limit === '-1';
    });
    const again = receive();
    await slotIsHeld();
    await vaultHas(await nextSegment());
    await again.end();
  });

  it('a slot that somebody dropped is made again, and nothing is lost while the server still has its log', async () => {
    const first = receive();
    await slotIsHeld();
    await vaultHas(await nextSegment());
    await first.end();
    await until('it is free', async () => {
      const sql = `SELECT pg_drop_replication_slot('${slotName}') FROM pg_replication_slots WHERE NOT active`;
      return (await cluster.sql(sql)).length > 0;
    });
    const missed = await nextSegment();
    // Somebody has taken a base backup of another server by mistake.
    const again = receive({ systemIdentifier: '42', formers: [systemIdentifier] });
    await vaultHas(missed);
    await again.end();
    await expectWhole();
  });

  it("another cluster's log, a role that may not replicate, a slot of another kind, a client that is older", async () => {
    const newer = await startNewerServer(cluster.port);
    await cluster.sql("CREATE ROLE plain LOGIN PASSWORD 'x'");
    const as = (env: Record<string, string>) => ({
      connection: { via: 'server', env: { ...cluster.connection.env, ...env } } as const,
    });
    expect(await receive({ systemIdentifier: '42' }).ended).toMatchObject({ code: 'WAL_FOREIGN' });
    expect(await receive(as({ PGUSER: 'plain', PGPASSWORD: 'x' })).ended).toMatchObject({
      code: 'DATABASE_REFUSED',
      hint: expect.stringContaining('ALTER ROLE'),
    });
    expect(await receive(as({ PGPORT: String(newer.port) })).ended).toMatchObject({
      code: 'DATABASE_REFUSED',
      hint: expect.stringContaining('postgresql-client'),
    });
    // Nor does the server keep its log for who is refused.
    expect(await cluster.sql('SELECT slot_name FROM pg_replication_slots')).toEqual([]);
    await newer.stop();
  });
});
