// A failure is told once, however often its event comes; and told in any case.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Mail } from '../../lib/mail/mail.ts';
import { publishMail } from '../../lib/mail/send.ts';
import { tellOnce } from '../../lib/mail/tell-once.ts';
import { launchRestoreTests } from '../../lib/restore-test/launch.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { verifiedArchive } from '../fixtures/archives.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';

let aws: LocalAws;
let store: ArchiveStore;
let before: number;

const now = new Date();
const mail: Mail = { subject: '[offsite] RESTORE TEST FAILED: bitagent', text: 'x\n' };
const sendMail = (one: Mail) => publishMail(aws.topicArn, one);
/** Subjects of the mails that were really published since the test began. */
const published = async () => (await aws.mails()).slice(before).map(({ subject }) => subject);

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
});
beforeEach(async () => {
  before = (await aws.mails()).length;
});
afterAll(() => aws.stop());

describe('tellOnce', () => {
  it('tells once of each occasion', async () => {
    expect(await tellOnce({ store, sendMail, now }, 'task-1', mail)).toBe(true);
    expect(await tellOnce({ store, sendMail, now }, 'task-1', mail)).toBe(false);
    expect(await tellOnce({ store, sendMail, now }, 'task-2', mail)).toBe(true);
    expect(await published()).toHaveLength(2);
    expect(JSON.parse((await store.readText('watch/told/task-1.json'))?.text ?? '')).toEqual({
      format: 1,
      toldAt: now.toISOString(),
      subject: mail.subject,
    });
  });

  it('tells again if the mail did not leave', async () => {
    const failing = () => Promise.reject(new Error('no mail today'));
    await expect(tellOnce({ store, sendMail: failing, now }, 'task-3', mail)).rejects.toThrow('no mail');
    expect(await tellOnce({ store, sendMail, now }, 'task-3', mail)).toBe(true);
    expect(await published()).toHaveLength(1);
  });

  it('tells though the store does not answer', async () => {
    const nowhere = createS3Store({ bucket: 'no-such-bucket' });
    const log: string[] = [];
    const teller = { store: nowhere, sendMail, now, log: (line: string) => log.push(line) };
    expect(await tellOnce(teller, 'task-4', mail)).toBe(true);
    expect(await published()).toHaveLength(1);
    expect(log).toHaveLength(2);
  });

  it('makes a key of any name', async () => {
    await tellOnce({ store, sendMail, now }, 'arn:aws:ecs:eu-central-1:1:task/c/../5', mail);
    expect(await store.readText('watch/told/arn_aws_ecs_eu-central-1_1_task_c_.._5.json')).toBeDefined();
  });
});

describe('a restore test that cannot be started', () => {
  const launching = (requestId: string, failing: (source: string) => void, sources = ['attic', 'bitagent']) =>
    launchRestoreTests({
      store,
      sources,
      requestId,
      launch: async (archiveId) => {
        failing(archiveId);
        return 'arn:task';
      },
      sendMail,
      now,
    });

  it('is told of once, though its event comes again, or another source lets the run be repeated', async () => {
    await verifiedArchive(store, 'bitagent', new Date(now.getTime() - 3_600_000));
    let attempts = 0;
    const busy = () => {
      attempts += 1;
      if (attempts < 3) throw new Error('S3 is busy');
    };
    await expect(launching('q1', busy)).rejects.toThrow('S3 is busy');
    await expect(launching('q1', busy)).rejects.toThrow('S3 is busy');
    expect(await launching('q1', busy)).toEqual([
      { source: 'attic', refused: 'NOTHING_INTACT' },
      expect.objectContaining({ source: 'bitagent', taskArn: 'arn:task' }),
    ]);
    await launching('q1', () => undefined);
    expect(await published()).toEqual(['[offsite] RESTORE TEST NOT STARTED: attic']);
    await launching('q2', () => undefined, ['attic']);
    expect(await published()).toHaveLength(2);
  });

  it('does not keep the others from theirs', async () => {
    const launched: string[] = [];
    const first = (archiveId: string) => {
      if (archiveId.startsWith('attic')) throw new Error('nobody expected this');
      launched.push(archiveId);
    };
    await verifiedArchive(store, 'attic', new Date(now.getTime() - 3_600_000));
    await expect(launching('q3', first)).rejects.toThrow('nobody expected this');
    expect(launched).toHaveLength(1);
  });
});
