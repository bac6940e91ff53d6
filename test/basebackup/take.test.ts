// Base backups of a real server, by a real pg_basebackup.

import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseBaseBackupKey } from '../../lib/archive/base-backup-names.ts';
import { parseBaseBackupManifest } from '../../lib/basebackup/manifest.ts';
import { takeBaseBackup } from '../../lib/basebackup/take.ts';
import { findPostgresPrograms } from '../../lib/postgres/programs.ts';
import { storeOf } from '../fixtures/agent.ts';
import { type ArchivingCluster, makeFolderOf, startArchivingCluster } from '../fixtures/cluster.ts';
import { startNewerServer } from '../fixtures/newer-server.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';
import { inTemporary } from '../fixtures/temporary.ts';

let stub: S3Stub;
let cluster: ArchivingCluster;
let folder: string;

beforeAll(async () => {
  [stub, cluster] = await Promise.all([startS3Stub(), startArchivingCluster()]);
  folder = mkdtempSync(join(tmpdir(), 'offsite-base-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await Promise.all([stub.stop(), cluster.stop()]);
});
afterEach(() => {
  stub.heal();
  stub.bucket.objects.clear();
});

const take = (more: Partial<Parameters<typeof takeBaseBackup>[0]> = {}) =>
  takeBaseBackup({
    source: 'bitagent',
    connection: cluster.connection,
    store: storeOf(stub),
    now: () => new Date(),
    ...more,
  });
const takeCleanly = (more: Parameters<typeof take>[0] = {}) =>
  inTemporary((own) => take(more).finally(() => expect(readdirSync(own)).toEqual([])));

/** A program that dies on the way. */
async function* dying(start: (signal: AbortSignal) => AsyncIterable<Uint8Array>) {
  for await (const chunk of start(new AbortController().signal)) {
    yield chunk;
    throw new Error('died');
  }
}

/** By hand, as docs/pitr.md has it. */
async function unpack(name: string): Promise<string> {
  const [tar] = [...stub.bucket.objects.values()].map(({ bytes }) => bytes);
  const target = join(folder, name);
  mkdirSync(target);
  await execa('tar', ['-x', '-C', target], { input: gunzipSync(tar as Buffer) });
  return target;
}

async function verifyByPostgres(target: string): Promise<void> {
  const program = join(findPostgresPrograms() ?? '', 'pg_verifybackup');
  expect((await execa(program, ['--no-parse-wal', target])).stdout).toContain('successfully verified');
}

describe('a base backup', () => {
  it('is what pg_basebackup gave: the server’s own program finds it whole', async () => {
    const warnings: string[] = [];
    const manifest = await take({ warn: (sentence) => warnings.push(sentence) });
    expect(warnings).toEqual([]);
    const parts = [...stub.bucket.objects.keys()].map((key) => parseBaseBackupKey(key)?.part);
    expect(parts).toEqual(['archive', 'serverManifest', 'manifest']);
    const last = [...stub.bucket.objects.values()].at(-1)?.bytes;
    const id = parseBaseBackupKey([...stub.bucket.objects.keys()][0] as string)?.id;
    expect(parseBaseBackupManifest(String(last), id as never)).toEqual(manifest);
    const [[identifier] = []] = await cluster.sql('SELECT system_identifier FROM pg_control_system()');
    expect(manifest.cluster).toMatchObject({ systemIdentifier: identifier, segmentBytes: 16 * 2 ** 20 });
    await verifyByPostgres(await unpack('whole'));
  });

  it('tells whose it is before the server waits for its log: an archiver that refuses another cluster’s takes it from then on', async () => {
    const aside = join(folder, 'aside');
    renameSync(cluster.walFolder, aside);
    const told: string[] = [];
    const onCluster = (systemIdentifier: string) => {
      told.push(systemIdentifier);
      renameSync(aside, cluster.walFolder);
    };
    const manifest = await take({ onCluster });
    expect(told).toEqual([manifest.cluster.systemIdentifier]);
  });

  it('leaves nothing that counts when its program dies on the way', async () => {
    await expect(take({ watch: dying })).rejects.toThrow('died');
    expect(stub.holds()).toBe('nothing');
  });

  it('is refused to who may not replicate, with the statement to run', async () => {
    await cluster.sql("CREATE ROLE other LOGIN PASSWORD 'x'");
    const env = { ...cluster.connection.env, PGUSER: 'other', PGPASSWORD: 'x' };
    await expect(take({ connection: { via: 'server', env } })).rejects.toMatchObject({
      code: 'BASE_BACKUP_REFUSED',
      hint: expect.stringContaining('ALTER ROLE'),
    });
    expect(stub.holds()).toBe('nothing');
  });

  it('is refused by a pg_basebackup that is older than the server, with what to install', async () => {
    const newer = await startNewerServer(cluster.port);
    const env = { ...cluster.connection.env, PGPORT: String(newer.port) };
    await expect(take({ connection: { via: 'server', env } })).rejects.toMatchObject({
      code: 'BASE_BACKUP_REFUSED',
      hint: expect.stringContaining('postgresql-client'),
    });
    await newer.stop();
    expect(stub.holds()).toBe('nothing');
  });

  it('holds what is in tablespaces too, under the names of the server’s own list', async () => {
    await execa('chmod', ['755', folder]);
    const locations = ['one', 'two'].map((name) => join(folder, name));
    for (const [at, location] of locations.entries()) {
      await makeFolderOf(location);
      await cluster.sql(`CREATE TABLESPACE other${at} LOCATION '${location}'`);
      await cluster.sql(`CREATE TABLE in${at} TABLESPACE other${at} AS SELECT generate_series(1, 1000)`);
    }
    // A folder of the data directory itself: from 16 on, pg_basebackup gives no cluster that has one as a single tar.
    await cluster.sql("SET allow_in_place_tablespaces = on; CREATE TABLESPACE inside LOCATION ''");
    await cluster.sql('CREATE TABLE inside TABLESPACE inside AS SELECT generate_series(1, 1000)');
    const found = await takeCleanly();
    expect(found.tablespaces.map(({ location }) => location)).toEqual(locations);
    for (const { bytes } of found.tablespaces) expect(bytes).toBeGreaterThan(1000 * 4);
    await verifyByPostgres(await unpack('apart'));
    await expect(takeCleanly({ watch: dying })).rejects.toThrow('died');
    expect(stub.bucket.objects.size).toBe(3);
  });
});
