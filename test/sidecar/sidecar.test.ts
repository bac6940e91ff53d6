// The dashboard's database in the vault and back: copied under a writer that never rests, judged by SQLite itself, restored in
// place of a file that nobody has open. A real store, real SQLite files, real processes that write to them.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Context } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { handler } from '../../lambda/verify.ts';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { readCatalogue } from '../../lib/archive/read-catalogue.ts';
import { selectArchive } from '../../lib/archive/select.ts';
import { expireVault } from '../../lib/guard/expire.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import type { RetentionPlan } from '../../lib/retention/plan.ts';
import { watch as watchVault } from '../../lib/retention/watch.ts';
import { backupSidecar } from '../../lib/sidecar/backup.ts';
import { expireSidecars } from '../../lib/sidecar/expire.ts';
import { ofSidecar } from '../../lib/sidecar/kind.ts';
import type { SidecarManifest } from '../../lib/sidecar/manifest.ts';
import { sidecarKeys } from '../../lib/sidecar/names.ts';
import { restoreSidecar } from '../../lib/sidecar/restore.ts';
import { verifySidecar } from '../../lib/sidecar/verify.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { bin } from '../fixtures/agent.ts';
import { keysIn, offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { canMount, onSmallDisk } from '../fixtures/small-disk.ts';
import { inTemporary } from '../fixtures/temporary.ts';

let aws: LocalAws;
let store: ArchiveStore;
let folder: string;
let path: string;
const children: ChildProcess[] = [];
let seconds = 0;

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
});
afterAll(() => aws.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidecar-test-'));
  path = join(folder, 'bitagent-ui.db');
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  rmSync(folder, { recursive: true, force: true });
});

/** Another second each time: ids are of whole seconds. */
const now = () => {
  seconds += 1;
  return new Date(Date.UTC(2026, 10, 22, 3, 0, seconds));
};
const backup = () => backupSidecar({ source: 'bitagent', place: { path }, store, now });
const verify = (id: string) => verifySidecar({ store, id: parseArchiveId(id), now });
const restore = (id: string, to = path, container?: string) =>
  restoreSidecar({ store, id: parseArchiveId(id), path: to, container, now });

/** A dashboard's database, whose last commits lie in the log beside it for as long as it is not closed. */
function made(rows = 3): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA user_version = 42; PRAGMA application_id = 7;
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID; CREATE TABLE "odd ""name" (a);
    CREATE TABLE hooks (id INTEGER PRIMARY KEY, setting TEXT REFERENCES settings (name));
    CREATE VIRTUAL TABLE search USING fts5(text); INSERT INTO search VALUES ('hello');
    PRAGMA foreign_keys = OFF; INSERT INTO hooks (setting) VALUES ('of none')`);
  for (let row = 0; row < rows; row += 1) database.exec(`INSERT INTO settings VALUES ('${row}', 'v')`);
  return database;
}

const rowsIn = (file: string, table: string) => {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n;
  } finally {
    database.close();
  }
};

async function writing(journal: string): Promise<ChildProcess> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'writer.mjs'), path, journal], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(writer);
  await once(writer.stdout as NodeJS.ReadableStream, 'data');
  return writer;
}

/** What is stored under an archive's name, replaced by something else: as a thief would, past all that forbids it. */
async function stored(manifest: SidecarManifest, bytes: Buffer, told: Partial<SidecarManifest> = {}) {
  const keys = sidecarKeys(manifest);
  await store.delete(keys.archive);
  const { versionId, etag } = await store.upload(keys.archive, one(bytes), { expectedBytes: bytes.length });
  await store.write(keys.manifest, JSON.stringify({ ...manifest, ...told, versionId, etag }));
}
async function* one(bytes: Buffer) {
  yield bytes;
}
const bytesOf = async (key: string) => Buffer.concat((await (await store.open(key))?.body.toArray()) ?? []);

describe('a copy', () => {
  it.each(['WAL', 'DELETE'])(
    'is of one moment while somebody writes without rest (%s), each time',
    async (journal) => {
      const writer = await writing(journal);
      for (let turn = 0; turn < 5; turn += 1) {
        const { id, contents } = await backup();
        expect(contents.rows.one).toBe(contents.rows.two);
        expect(await verify(id)).toMatchObject({ verdict: 'intact', deviations: [] });
      }
      expect(writer.exitCode).toBeNull();
      writer.kill('SIGKILL');
      await once(writer, 'exit');
      // Killed in the middle of it: what was committed is there.
      const { contents } = await backup();
      expect(contents.rows.one).toBe(contents.rows.two);
    },
  );

  it('has what lies in the log yet, and all that the manifest says of it', async () => {
    const database = made();
    const { id, contents, plainBytes, sha256 } = await inTemporary(async (own) => {
      const taken = await backup();
      expect(readdirSync(own)).toEqual([]);
      return taken;
    });
    database.close();
    expect(contents).toMatchObject({
      userVersion: 42,
      applicationId: 7,
      danglingRows: 1,
      rows: { settings: 3, 'odd "name': 0, hooks: 1, search_content: 1 },
    });
    expect(plainBytes).toBe(contents.pages * contents.pageBytes);
    const gz = await bytesOf(sidecarKeys(parseArchiveId(id)).archive);
    const by = join(folder, 'by-gunzip.db');
    writeFileSync(by, gunzipSync(gz));
    expect(rowsIn(by, 'settings')).toBe(3);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it.skipIf(!canMount)('and its restore tell of a full disk as that, and leave nothing there', async () => {
    const large = made(0);
    large.exec('CREATE TABLE large AS SELECT zeroblob(200000) AS bytes');
    large.close();
    const { id } = await backup();
    await onSmallDisk(async (small) => {
      await expect(inTemporary(backup, small)).rejects.toMatchObject({
        code: 'DISK_FULL',
        hint: expect.stringContaining('TMPDIR'),
      });
      await expect(restore(id, join(small, 'ui.db'))).rejects.toMatchObject({
        code: 'DISK_FULL',
        hint: expect.stringContaining('--to'),
      });
      expect(readdirSync(small)).toEqual([]);
    });
  });

  it.each<[string, () => void, string]>([
    ['nothing', () => undefined, 'SIDECAR_UNREADABLE'],
    ['a folder', () => symlinkSync(folder, path), 'SIDECAR_UNREADABLE'],
    ['another file', () => writeFileSync(path, 'x'.repeat(10_000)), 'SIDECAR_UNREADABLE'],
    ['an empty file', () => writeFileSync(path, ''), 'SIDECAR_DAMAGED'],
    [
      'a database with a page of something else',
      () => {
        made(2000).close();
        const bytes = readFileSync(path);
        bytes.fill(0x5a, 4096 * 5, 4096 * 7);
        writeFileSync(path, bytes);
      },
      'SIDECAR_DAMAGED',
    ],
  ])('of %s is refused, nothing is stored, and no file is made', async (_, make, code) => {
    make();
    const before = await keysIn(aws.endpoint, aws.bucket, 'sidecars/');
    const names = readdirSync(folder);
    await expect(backup()).rejects.toMatchObject({ code });
    expect(await keysIn(aws.endpoint, aws.bucket, 'sidecars/')).toEqual(before);
    expect(readdirSync(folder).filter((name) => !/-(wal|shm)$/.test(name))).toEqual(names);
  });
});

describe('a verdict', () => {
  it('names each kind of damage', async () => {
    made(2000).close();
    const whole = await backup();
    const plain = gunzipSync(await bytesOf(sidecarKeys(whole).archive));
    const sha256Of = async (bytes: Buffer) => {
      const { createHash } = await import('node:crypto');
      return createHash('sha256').update(bytes).digest('hex');
    };
    /** Bytes that the manifest speaks of, with something else in them. */
    const judged = async (bytes: Buffer, told: Partial<SidecarManifest> = {}) => {
      const gz = gzipSync(bytes);
      const figures = { compressedBytes: gz.length, sha256: await sha256Of(gz), plainBytes: bytes.length };
      await stored(whole, gz, { ...figures, ...told });
      const { verdict, deviations } = await verify(whole.id);
      return {
        verdict,
        words: deviations.map(({ what, expected, found }) => `${what}: ${expected}, ${found}`).join('\n'),
      };
    };
    expect(await judged(plain)).toEqual({ verdict: 'intact', words: '' });

    const flipped = await bytesOf(sidecarKeys(whole).archive);
    flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1;
    await stored(whole, flipped);
    expect((await verify(whole.id)).deviations).toMatchObject([{ what: 'the bytes' }]);
    await stored(whole, flipped.subarray(0, 1000));
    expect((await verify(whole.id)).deviations).toMatchObject([{ what: 'the bytes' }]);

    const page = Buffer.from(plain);
    page.fill(0x5a, 4096 * 5, 4096 * 6);
    expect((await judged(page)).words).toMatch(
      /^(?:integrity_check: ok, |the file: a database that SQLite opens)/,
    );
    const magic = Buffer.from(plain);
    magic.write('No', 0);
    expect((await judged(magic)).words).toMatch(/^the file: a SQLite database, other/);
    const { contents } = whole;
    expect((await judged(plain, { contents: { ...contents, userVersion: 41 } })).words).toBe(
      'user_version: 41, 42',
    );
    const rows = { ...contents.rows, settings: 2001, gone: 1 };
    expect((await judged(plain, { contents: { ...contents, rows } })).words).toBe(
      'rows of settings: 2001, 2000\nrows of gone: 1, no such table',
    );
    await expect(judged(plain, { contents: { ...contents, pages: 1 } })).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
    });

    await stored(whole, gzipSync(plain), { compressedBytes: 1 });
    await store.delete(sidecarKeys(whole).archive);
    expect(await verify(whole.id)).toMatchObject({ verdict: 'missing' });
    await store.delete(sidecarKeys(whole).manifest);
    await expect(verify(whole.id)).rejects.toMatchObject({ code: 'MANIFEST_MISSING' });
  });

  it('says where SQLite was not asked', async () => {
    made().close();
    const { id } = await backup();
    const told = await verifySidecar({ store, id: parseArchiveId(id), now, roomBytes: 1000 });
    expect(told).toMatchObject({ verdict: 'intact', notAsked: expect.stringMatching(/do not fit into 1/) });
  });

  it('decides what latest is', async () => {
    made().close();
    const { id } = await backup();
    await expect(selectArchive(store, 'bitagent', 'latest', false, ofSidecar)).rejects.toMatchObject({
      code: 'NOTHING_INTACT',
    });
    const verdict = await verify(id);
    await store.write(sidecarKeys(parseArchiveId(id)).verdict, JSON.stringify(verdict));
    expect((await selectArchive(store, 'bitagent', 'latest', false, ofSidecar)).id.id).toBe(id);
    const entries = await readCatalogue(store, 'bitagent', { kind: ofSidecar });
    expect(entries.at(-1)).toMatchObject({ standing: 'intact', compressedBytes: expect.any(Number) });
    await expect(selectArchive(store, 'other', 'latest', true, ofSidecar)).rejects.toMatchObject({
      code: 'ARCHIVE_MISSING',
    });
  });
});

describe('a restore', () => {
  /** An archive of three settings; the file holds five by now. */
  async function archived(): Promise<string> {
    made().close();
    const { id } = await backup();
    const database = new DatabaseSync(path);
    database.exec("INSERT INTO settings VALUES ('x', 'v'), ('y', 'v')");
    database.close();
    return id;
  }
  const files = () => readdirSync(folder).sort();

  it('replaces the file, and keeps what was there with what belongs to it', async () => {
    const id = await archived();
    const { before } = await restore(id);
    expect(rowsIn(path, 'settings')).toBe(3);
    expect(before).toMatch(/bitagent-ui\.db\.before-2026-11-22T03\d{4}Z$/);
    expect(rowsIn(before ?? '', 'settings')).toBe(5);
    expect(files().filter((name) => /partial/.test(name))).toEqual([]);
    expect(statSync(path).mode & 0o777).toBe(statSync(before ?? '').mode & 0o777);
  });

  it('never lets the old log be written into the new file', async () => {
    const id = await archived();
    // A writer that was killed leaves its log; and nobody has put that into the file.
    const database = new DatabaseSync(path);
    database.exec("INSERT INTO settings VALUES ('z', 'v')");
    for (const name of ['', '-wal', '-shm']) copyFileSync(path + name, `${path}.kept${name}`);
    database.close();
    for (const name of ['', '-wal', '-shm']) copyFileSync(`${path}.kept${name}`, path + name);
    const { before } = await restore(id);
    expect(rowsIn(path, 'settings')).toBe(3);
    expect(rowsIn(before ?? '', 'settings')).toBe(6);
    // And of a file that SQLite cannot open, whatever lies beside it goes with it.
    writeFileSync(path, 'broken');
    copyFileSync(`${path}.kept-wal`, `${path}-wal`);
    const again = await restore(id);
    expect(rowsIn(path, 'settings')).toBe(3);
    expect(readFileSync(again.before ?? '', 'utf8')).toBe('broken');
    expect(existsSync(`${again.before}-wal`)).toBe(true);
    expect(existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0).toBe(false);
  });

  it('whoever owns the folder cannot have another file’s owner or mode changed', async () => {
    const id = await archived();
    chmodSync(path, 0o644);
    const victim = join(folder, 'victim.db');
    await restore(id, victim);
    chmodSync(victim, 0o600);
    const swapping: ArchiveStore = {
      ...store,
      async open(...args) {
        const opened = await store.open(...args);
        async function* swapped() {
          yield* opened?.body ?? [];
          const partial = join(folder, '.bitagent-ui.db.partial');
          rmSync(partial);
          symlinkSync(victim, partial);
        }
        return opened && { ...opened, body: Readable.from(swapped()) };
      },
    };
    await restoreSidecar({ store: swapping, id: parseArchiveId(id), path, now }).catch(() => undefined);
    expect(statSync(victim).mode & 0o777).toBe(0o600);
  });

  it('makes one where none is, and follows a link', async () => {
    const id = await archived();
    const to = join(folder, 'new.db');
    expect((await restore(id, to)).before).toBeUndefined();
    expect(rowsIn(to, 'settings')).toBe(3);
    const link = join(folder, 'link.db');
    symlinkSync(path, link);
    await restore(id, link);
    expect(rowsIn(path, 'settings')).toBe(3);
    expect(rowsIn(link, 'settings')).toBe(3);
  });

  it.each<[string, (id: string) => Promise<string | undefined>, string]>([
    ['somebody writes to the file', async () => void (await writing('WAL')), 'SIDECAR_IN_USE'],
    [
      'somebody has it open, and no lock on it',
      async () => {
        const code = `fs.openSync(${JSON.stringify(path)}); console.log('open'); setInterval(() => {}, 1000)`;
        const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'ignore'] });
        children.push(child);
        await once(child.stdout, 'data');
        return undefined;
      },
      'SIDECAR_IN_USE',
    ],
    [
      'the archive is damaged',
      async (id) => {
        const keys = sidecarKeys(parseArchiveId(id));
        const manifest = JSON.parse((await store.readText(keys.manifest))?.text ?? '') as SidecarManifest;
        const bytes = await bytesOf(keys.archive);
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
        await stored(manifest, bytes);
        return undefined;
      },
      'ARCHIVE_DAMAGED',
    ],
    [
      'the archive is whole, but not what was archived',
      async (id) => {
        const keys = sidecarKeys(parseArchiveId(id));
        const manifest = JSON.parse((await store.readText(keys.manifest))?.text ?? '') as SidecarManifest;
        await store.write(
          keys.manifest,
          JSON.stringify({ ...manifest, contents: { ...manifest.contents, userVersion: 1 } }),
        );
        return undefined;
      },
      'ARCHIVE_DAMAGED',
    ],
    ['the place is a folder', async () => folder, 'RESTORE_FAILED'],
    ['the folder is not there', async () => join(folder, 'no', 'x.db'), 'RESTORE_FAILED'],
  ])('is refused where %s, and what was there is as it was', async (_, make, code) => {
    const id = await archived();
    const to = (await make(id)) ?? path;
    await expect(restore(id, to)).rejects.toMatchObject({ code });
    for (const child of children) child.kill('SIGKILL');
    expect(files().filter((name) => /partial|before/.test(name))).toEqual([]);
    expect(rowsIn(path, 'settings')).toBe(5);
  });
});

it.each(['partial', 'before'])(
  'killed in the middle (once there is a %s file), the place has the old file or the new one, whole',
  async (sign) => {
    made().close();
    const { id } = await backup();
    const database = new DatabaseSync(path);
    database.exec("INSERT INTO settings VALUES ('x', 'v'), ('y', 'v')");
    database.close();
    const watcher = watch(folder);
    const args = ['sidecar', 'restore', id, '--path', path];
    const env = { ...aws.env, OFFSITE_BUCKET: aws.bucket, PATH: process.env.PATH, HOME: folder };
    const child = spawn(bin, args, { env, stdio: 'ignore' });
    children.push(child);
    const ended = once(child, 'exit');
    watcher.on('change', (_, name) => void (String(name).includes(sign) && child.kill('SIGKILL')));
    await ended;
    watcher.close();
    expect([3, 5]).toContain(rowsIn(path, 'settings'));
    // Nothing of it is in the way of the next.
    const { before } = await restore(id);
    expect(rowsIn(path, 'settings')).toBe(3);
    expect([3, 5]).toContain(rowsIn(before ?? '', 'settings'));
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  },
);

describe('the cloud', () => {
  const announce = (key: string, bucket = aws.bucket) =>
    handler({ 'detail-type': 'Object Created', detail: { bucket: { name: bucket }, object: { key } } }, {
      awsRequestId: 'r',
      functionName: 'verify',
    } as Context);

  it('judges what was archived, once, and mails what is not intact', async () => {
    process.env.OFFSITE_BUCKET = aws.bucket;
    process.env.OFFSITE_TOPIC_ARN = aws.topicArn;
    made().close();
    const manifest = await backup();
    const keys = sidecarKeys(manifest);
    const mailsBefore = (await aws.mails()).length;
    const { id } = manifest;
    expect(await announce(keys.manifest)).toEqual({ id, verdict: 'intact', isNew: true });
    expect(await announce(keys.manifest)).toEqual({ id, verdict: 'intact', isNew: false });
    expect((await readCatalogue(store, 'bitagent', { kind: ofSidecar })).at(-1)).toMatchObject({
      id: { id },
      standing: 'intact',
    });
    expect((await aws.mails()).length).toBe(mailsBefore);
    const bytes = await bytesOf(keys.archive);
    await stored(manifest, bytes.subarray(0, -1));
    expect(await announce(keys.manifest)).toEqual({ id, verdict: 'damaged', isNew: true });
    const mail = (await aws.mails()).at(-1);
    expect(mail?.subject).toBe(`[offsite] LOST archive of the dashboard's database, overwritten: ${id}`);
    expect(mail?.text).toMatch(/the bytes\n {2}expected .*\n {2}found /);
    for (const [key, bucket] of [
      [keys.archive, aws.bucket],
      [keys.verdict, aws.bucket],
      [keys.manifest, 'another'],
    ] as const)
      await expect(announce(key, bucket)).rejects.toMatchObject({ code: 'EVENT_FOREIGN' });
  });

  it('keeps by the plan of all archives, and the newest whatever their age', async () => {
    made().close();
    const source = 'kept';
    const ids: string[] = [];
    for (const day of [1, 2, 20, 21]) {
      const takenAt = new Date(Date.UTC(2026, 10, day));
      const { id } = await backupSidecar({ source, place: { path }, store, now: () => takenAt });
      const verdict = await verify(id);
      await store.write(sidecarKeys(parseArchiveId(id)).verdict, JSON.stringify(verdict));
      ids.push(id);
    }
    const expired = async (day: number, dryRun = false) => {
      const plans: RetentionPlan[] = [];
      // By the night, as the database's go; here all of them at once.
      const policy = { keepDays: 14, keepIntact: 1, freshnessHours: 26, atOnce: true };
      const at = new Date(Date.UTC(2026, 10, day, 1));
      await expireSidecars({ store, policy, now: at, dryRun, onPlan: (plan) => plans.push(plan) });
      return plans.find((plan) => plan.source === source);
    };
    // Nobody takes one any more: what is there stays.
    expect(await expired(28)).toMatchObject({
      standstill: expect.stringMatching(/is 7\.0 days old/),
      expire: [],
    });
    const going = [expect.objectContaining({ id: ids[1] }), expect.objectContaining({ id: ids[0] })];
    expect((await expired(21, true))?.expire).toEqual(going);
    // As the cloud's retention and watch read it: they may read verdicts, and no manifest.
    const readText: ArchiveStore['readText'] = (key) =>
      key.endsWith('.manifest.json') ? Promise.reject(new Error(`${key} is refused`)) : store.readText(key);
    expect(await readCatalogue({ ...store, readText }, source, { kind: ofSidecar })).toHaveLength(4);
    expect((await expired(21))?.expire).toEqual(going);
    expect((await readCatalogue(store, source, { kind: ofSidecar })).map(({ id }) => id.id)).toEqual(
      ids.slice(2),
    );
    expect(await keysIn(aws.endpoint, aws.bucket, `sidecar-verdicts/${source}/`)).toHaveLength(2);
  });

  it('that its retention stands still is told, with the reason', async () => {
    made().close();
    const source = 'still';
    const now = new Date(Date.UTC(2026, 10, 28));
    for (const [day, verdict] of [
      [2, 'damaged'],
      [27, 'intact'],
    ] as const) {
      const takenAt = new Date(Date.UTC(2026, 10, day, 12));
      const { id } = await backupSidecar({ source, place: { path }, store, now: () => takenAt });
      const judged = { ...(await verify(id)), verdict };
      await store.write(sidecarKeys(parseArchiveId(id)).verdict, JSON.stringify(judged));
    }
    const policy = { keepDays: 14, keepIntact: 2, freshnessHours: 26, atOnce: true };
    const ignored = () => undefined;
    await expireVault({ store, policy, now, dryRun: false, onPlan: ignored });
    const mails: Mail[] = [];
    await watchVault({
      store,
      sources: [source],
      limits: { archiveHours: 26, restoreTestHours: 2400 },
      now,
      sendMail: async (mail) => void mails.push(mail),
      onSighting: () => undefined,
    });
    expect(mails.map(({ subject }) => subject)).toEqual([`[offsite] Retention stands still: ${source}`]);
    expect(mails[0]?.text.replace(/\s+/g, ' ')).toContain(
      "the dashboard's archives: only 1 intact archives would remain (at least 2 must)",
    );
  });
});

it('by the command line: taken, listed, verified, restored; off where nothing is named', async () => {
  made().close();
  const env = { ...aws.env, OFFSITE_BUCKET: aws.bucket, OFFSITE_SOURCE: 'ui' };
  expect(await offsiteHere(['sidecar', 'backup'], env)).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/--path FILE/),
  });
  const named = { ...env, OFFSITE_SIDECAR_PATH: path };
  const taken = await offsite(['sidecar', 'backup'], named);
  expect(taken.stderr).toBe('');
  expect(taken.stdout).toMatch(/^ui-\S+Z {2}\d.* rows in \d+ tables, .* stored$/);
  const { stdout } = await offsiteHere(['sidecar', 'list', '--json'], named);
  const [{ id, verdict }] = JSON.parse(stdout) as [{ id: string; verdict: string }];
  expect(verdict).toBe('unverified');
  expect(await offsiteHere(['sidecar', 'verify'], named)).toMatchObject({
    exitCode: 0,
    stdout: `${id}  intact`,
  });
  expect(await offsiteHere(['sidecar', 'restore'], named)).toMatchObject({
    exitCode: 6,
    stderr: expect.stringMatching(/or name one by its id: ui-/),
  });
  const restored = await offsite(['sidecar', 'restore', id], named);
  expect(restored.stdout).toMatch(/restored as .*bitagent-ui\.db: /);
  expect(restored.stderr).toMatch(
    /has not been verified: it is not proven[\s\S]*what was there is .*\.before-/,
  );
}, 60_000);
