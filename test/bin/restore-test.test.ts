import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'aws-lambda';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { handler as report } from '../../lambda/report.ts';
import { type ArchiveId, archiveKeys } from '../../lib/archive/names.ts';
import { environmentNames } from '../../lib/deployment/environment.ts';
import { parseRestoreReport, type RestoreReport } from '../../lib/report/report.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { verifyBaseBackupOnce } from '../../lib/verify/base-backup.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { storeBaseBackup } from '../fixtures/base-backup.ts';
import { asleep, untilServerDoes } from '../fixtures/events.ts';
import { setHandlerSettings } from '../fixtures/handler-settings.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import {
  commandLines,
  compressed,
  corpusDump,
  passwordsAround,
  smallCorpus,
  smallTorrents,
} from '../fixtures/postgres.ts';
import { restoreProgram } from '../fixtures/restore-program.ts';

const node = process.execPath;

let aws: LocalAws;
let store: ArchiveStore;
let dump: Buffer;
/** The programs' temporary directory: shows what they leave behind. */
let own: string;
/** The program, bundled as for the container. */
let program: string;
let minute = 0;

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  dump = await corpusDump(smallCorpus);
  own = await mkdtemp(join(tmpdir(), 'offsite-test-'));
  await chmod(own, 0o755);
  program = await restoreProgram();
});
afterAll(async () => {
  await rm(own, { recursive: true });
  await aws.stop();
});
afterEach(async () => {
  expect(await readdir(own)).toEqual([]);
  expect(commandLines().filter((line) => line.includes(own))).toEqual([]);
});

function archived(parts: Partial<Parameters<typeof storeArchive>[1]> = {}): Promise<ArchiveId> {
  minute += 10;
  return storeArchive(store, { dump, takenAt: new Date(Date.UTC(2026, 10, 22, 3, minute)), ...parts });
}

/** Starts the program as the container would: with its own variables and little else. */
function start(id: string, env: Record<string, string> = {}, ...words: string[]) {
  return execa(node, [program, ...words], {
    cwd: own,
    extendEnv: false,
    env: {
      PATH: process.env.PATH ?? '',
      TMPDIR: own,
      ...aws.env,
      [environmentNames.bucket]: aws.bucket,
      [environmentNames.topicArn]: aws.topicArn,
      [environmentNames.archiveId]: id,
      ...env,
    },
    reject: false,
    all: true,
    // A machine that is busy with other things has it end its server in more than 5 s.
    forceKillAfterDelay: false,
  });
}

async function reportsOf(id: ArchiveId): Promise<(RestoreReport | undefined)[]> {
  const reports: (RestoreReport | undefined)[] = [];
  for await (const { key } of store.list(archiveKeys(id).reports)) {
    if (key.endsWith('.json')) reports.push(parseRestoreReport((await store.readText(key))?.text ?? ''));
  }
  return reports;
}

/** Waits until the program has said something. */
function said(child: ReturnType<typeof start>, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.all?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(words)) resolve();
    });
    void child.finally(() => reject(new Error(`it ended without a word of ${words}: ${text}`)));
  });
}

describe('bin/restore-test', () => {
  it('restores, reports, mails and exits 0, as bundled for the container', async () => {
    const id = await archived();
    const { exitCode, all } = await start(id.id);
    expect(all).toContain('restore-test: passed, reported');
    expect(exitCode).toBe(0);
    expect(await reportsOf(id)).toMatchObject([{ outcome: 'passed', torrents: smallTorrents, id: id.id }]);
    const kept = await Array.fromAsync(store.list(archiveKeys(id).reports));
    const kit = kept.find(({ key }) => key.endsWith('.kit.txt'))?.key ?? '';
    expect((await store.readText(kit))?.text).toContain(`${id.id} holds ${smallTorrents}.`);
    const mail = (await aws.mails()).at(-1);
    expect(mail?.subject).toMatch(
      new RegExp(`^\\[offsite\\] Restore test passed: bitagent, ${smallTorrents} torrents, [\\d,]+ rows in `),
    );
    expect(mail?.text).toContain(`SELECT count(*) FROM torrents;  ${smallTorrents}, as dumped`);
    const page = kept.find(({ key }) => /Z\.html$/.test(key))?.key;
    expect(mail?.text).toContain(`\n  s3://${aws.bucket}/${page}\n`);
  });

  it('judges a base backup that is too large for a function, tells of it as that does, and judges it once', async () => {
    const mailsBefore = (await aws.mails()).length;
    const judged = async (source: string, spoil?: string) => {
      const id = await storeBaseBackup(store, {
        source,
        takenAt: new Date(),
        segment: 2,
        ...(spoil && { spoil }),
      });
      const ended: { exitCode?: number | undefined; all?: string }[] = [];
      const verify = (isDue: boolean) =>
        verifyBaseBackupOnce({
          ...{ store, id, isDue, now: () => new Date() },
          sendMail: () => Promise.reject(new Error('not told from here')),
          limits: { compressedBytes: 100, plainBytes: 100_000 },
          readInTask: async (one) => void ended.push(await start(one, {}, 'verify')),
        });
      expect(await verify(false)).toEqual({ awaits: 'task' });
      expect(ended).toMatchObject([{ exitCode: 0 }]);
      const { verdict, isNew } = (await verify(false)) as { verdict: object; isNew: boolean };
      expect([isNew, ended.length]).toEqual([false, 1]);
      return verdict;
    };
    expect(await judged('whole')).toMatchObject({ verdict: 'intact', source: 'whole', deviations: [] });
    expect((await aws.mails()).length).toBe(mailsBefore);
    expect(await judged('spoilt', 'base/1/1259')).toMatchObject({ verdict: 'damaged' });
    expect((await aws.mails()).slice(mailsBefore).map(({ subject }) => subject)).toEqual([
      expect.stringMatching(/^\[offsite\] DAMAGED base backup: spoilt-/),
    ]);
  });

  it('reports a damaged archive and ends with 20', async () => {
    const bytes = compressed(dump);
    const id = await archived({ bytes: bytes.subarray(0, bytes.length - 9) });
    const { exitCode, stderr } = await start(id.id);
    expect(exitCode).toBe(20);
    expect(stderr).toContain('ARCHIVE_DAMAGED');
    expect(await reportsOf(id)).toMatchObject([{ outcome: 'failed', failure: { code: 'ARCHIVE_DAMAGED' } }]);
    expect((await aws.mails()).at(-1)?.subject).toContain('RESTORE TEST FAILED: bitagent');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'takes %s: ends its server, reports, ends with 20',
    async (signal) => {
      // Sleeps where the indexes would be made.
      const slow = Buffer.concat([dump, Buffer.from(asleep)]);
      const id = await archived({ dump: slow });
      const child = start(id.id);
      await untilServerDoes(own, 'SELECT');
      child.kill(signal);
      const { exitCode } = await child;
      expect(exitCode).toBe(20);
      expect(await reportsOf(id)).toMatchObject([
        { outcome: 'failed', failure: { code: 'INTERRUPTED', found: `signal ${signal}` } },
      ]);
      expect((await aws.mails()).at(-1)?.text).toContain('told to stop');
    },
  );

  it('reports even if nobody reads its log any more', async () => {
    const id = await archived();
    const child = start(id.id);
    await said(child, 'start server took');
    child.stdout.destroy();
    child.stderr.destroy();
    expect((await child).exitCode).toBe(0);
    expect(await reportsOf(id)).toMatchObject([{ outcome: 'passed' }]);
  });

  it.each([
    [
      'passes',
      () => dump,
      'restore-test: passed, reported',
      `Restore test passed: bitagent, ${smallTorrents} torrents`,
    ],
    [
      'fails',
      () => Buffer.concat([dump, Buffer.from('SELECT 1/0;\n')]),
      'restore-test: failed, reported',
      'RESTORE TEST FAILED: bitagent',
    ],
  ])(
    'is mailed of once, though it is killed after it has told that it %s',
    async (_, dumped, words, subject) => {
      const taskArn = (id: ArchiveId) => `arn:aws:ecs:us-east-1:000000000000:task/c/${id.id}`;
      const id = await archived({ dump: dumped() });
      const answer = { TaskARN: taskArn(id), Limits: { CPU: 2, Memory: 4096 } };
      const metadata = createServer((_request, response) => response.end(JSON.stringify(answer)));
      await once(metadata.listen(0, '127.0.0.1'), 'listening');
      const address = `http://127.0.0.1:${(metadata.address() as AddressInfo).port}/v4/x`;
      const before = (await aws.mails()).length;
      const child = start(id.id, { ECS_CONTAINER_METADATA_URI_V4: address });
      await said(child, words);
      child.kill('SIGKILL');
      await child;
      metadata.close();
      setHandlerSettings(aws.bucket, aws.topicArn);
      const context = { awsRequestId: 'r', functionName: 'f' } as Context;
      const killed = (arn: string) => ({
        'detail-type': 'ECS Task State Change',
        time: '2026-11-23T07:10:00Z',
        detail: {
          lastStatus: 'STOPPED',
          taskArn: arn,
          containers: [{ name: 'restore-test', exitCode: 137 }],
        },
      });
      await report(killed(taskArn(id)), context);
      await report(killed(`${taskArn(id)}-another`), context);
      expect((await aws.mails()).slice(before).map((mail) => mail.subject)).toEqual([
        expect.stringContaining(subject),
        '[offsite] RESTORE TEST FAILED: an unknown archive, it was killed',
      ]);
    },
  );

  it('ends with 2 when it cannot report', async () => {
    const id = await archived();
    const before = (await aws.mails()).length;
    const missing = await start(id.id, { [environmentNames.topicArn]: '' });
    expect(missing.exitCode).toBe(2);
    expect(missing.stderr).toContain('CONFIG_INVALID');
    expect(missing.stderr).toContain(environmentNames.topicArn);

    const noTopic = await start('bitagent-2020-01-01-000000Z', {
      [environmentNames.topicArn]: 'arn:aws:sns:us-east-1:000000000000:nobody',
    });
    expect(noTopic.exitCode).toBe(2);
    const noId = await start('latest');
    expect(noId.exitCode).toBe(2);
    expect(noId.stderr).toContain('ARCHIVE_ID_INVALID');
    expect((await aws.mails()).length).toBe(before);
  });

  it('shows no secret in ps or in what it prints', async () => {
    const end = dump.lastIndexOf('--\n-- PostgreSQL database dump complete');
    const slow = Buffer.concat([
      dump.subarray(0, end),
      Buffer.from('SELECT pg_sleep(2);\n\n'),
      dump.subarray(end),
    ]);
    const id = await archived({ dump: slow });
    const secret = 'a-secret-that-nothing-else-holds';
    const child = start(id.id, { AWS_SECRET_ACCESS_KEY: secret });
    // The server's own password is random and stays in the program: no process is given one, in words or in variables.
    const seen = new Set<string>();
    const passwords: string[] = [];
    let ended = false;
    void child.finally(() => {
      ended = true;
    });
    while (!ended) {
      for (const line of commandLines()) if (line.includes(own)) seen.add(line);
      passwords.push(...passwordsAround(`${environmentNames.archiveId}=${id.id}`));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect([...seen].some((line) => line.includes('postgres'))).toBe(true);
    expect([...seen].filter((line) => line.includes(secret) || /password=/i.test(line))).toEqual([]);
    expect(passwords).toEqual([]);
    const { all, exitCode } = await child;
    expect(exitCode).toBe(0);
    expect(all).not.toContain(secret);
  });
});
