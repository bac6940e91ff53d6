// The real launcher against the stand-in for ECS, wired by the real template, for archives of all sizes: what it asks is
// admitted, its role may ask it, and the task hears of the volume that it cannot see.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { environment } from '../../lambda/environment.ts';
import { handler as verify } from '../../lambda/verify.ts';
import { baseBackupKeys } from '../../lib/archive/base-backup-names.ts';
import { sizeRestoreTask, type TaskSize } from '../../lib/cost/task-size.ts';
import { type CallLog, createCallLog } from '../../lib/rehearsal/aws/aws-calls.ts';
import { type EcsEndpoint, startEcsEndpoint } from '../../lib/rehearsal/aws/ecs/ecs-endpoint.ts';
import { functionByRole, readWiring } from '../../lib/rehearsal/template/wiring.ts';
import { launchRestoreTask, launchVerifyTask } from '../../lib/restore-task/launcher.ts';
import { readOwnTask } from '../../lib/restore-task/metadata.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { verifyBaseBackupOnce } from '../../lib/verify/base-backup.ts';
import { storeBaseBackup } from '../fixtures/base-backup.ts';
import { startS3Stub } from '../fixtures/s3-stub.ts';
import { compareWithRoles, synthesizeTemplate } from './permissions.ts';

const gib = 1024 ** 3;
const local = { bucket: 'offsite', topicArn: 'arn:aws:sns:us-east-1:000000000000:operator' };
const home = mkdtempSync(join(tmpdir(), 'offsite-launch-'));
const program = join(home, 'program.mjs');
writeFileSync(
  program,
  'console.log(JSON.stringify({ ...process.env, WORDS: process.argv.slice(2).join() }))',
);

afterAll(() => rmSync(home, { recursive: true }));

describe.each(['public', 'endpoints'])('in the network %s', (restoreTestNetwork) => {
  const before = { ...process.env };
  let ecs: EcsEndpoint;
  let calls: CallLog;
  let verifier: ReturnType<typeof functionByRole>;

  beforeAll(async () => {
    const wiring = readWiring(await synthesizeTemplate({ restoreTestNetwork }), 'OffsiteStack', local);
    calls = createCallLog('own');
    const host = { program: [program], cwd: home, environment: {} };
    ecs = await startEcsEndpoint(wiring, host, async () => [], calls);
    const launcher = functionByRole(wiring, 'launch-restore-test');
    verifier = functionByRole(wiring, 'verify');
    Object.assign(process.env, verifier.environment, launcher.environment, {
      AWS_ENDPOINT_URL_ECS: ecs.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: launcher.logicalId,
      AWS_SECRET_ACCESS_KEY: 'local',
    });
  });

  afterAll(async () => {
    await ecs.stop();
    process.env = before;
  });

  const launch = (size: TaskSize, token: string) =>
    launchRestoreTask(
      environment(
        'clusterArn',
        'taskDefinitionArn',
        'volumeTaskDefinitionArn',
        'volumeRoleArn',
        'subnetIds',
        'securityGroupId',
        'assignPublicIp',
      ),
      'bitagent-2026-11-23-031500Z',
      size,
      token,
    );

  test.each([0, 1, 8, 40, 87, 88, 170, 295, 7443])('%d GiB of plain dump', async (plainGib) => {
    const size = sizeRestoreTask(plainGib * gib);
    const taskArn = await launch(size, `token ${plainGib}`);
    const task = (await ecs.idle()).find((one) => one.taskArn === taskArn);
    expect(task?.exitCode, task?.logs).toBe(0);
    expect(task?.cpu).toBe(String(size.cpu));
    const heard = JSON.parse(task?.logs ?? '{}') as Record<string, string>;
    expect(heard.OFFSITE_ARCHIVE_ID).toBe('bitagent-2026-11-23-031500Z');
    expect(JSON.parse(heard.OFFSITE_SURCHARGES ?? '')).toEqual({
      ...(size.volume && { volume: size.volume }),
      publicAddress: restoreTestNetwork === 'public',
    });
    expect(await readOwnTask(heard.ECS_CONTAINER_METADATA_URI_V4, heard.OFFSITE_SURCHARGES)).toMatchObject({
      arn: taskArn,
      facts: {
        vcpu: size.cpu / 1024,
        memoryMib: size.memoryMib,
        storageGib: size.ephemeralStorageGib,
        ...(size.volume && { volume: size.volume }),
        publicAddress: restoreTestNetwork === 'public',
      },
    });
    // Nothing of it is known outside of Fargate.
    expect(await readOwnTask(undefined, heard.OFFSITE_SURCHARGES)).toBeUndefined();
    expect(task?.taskDefinitionArn.includes('VolumeTaskDefinition')).toBe(size.volume !== undefined);
  });

  test('all of which the role of the launcher may ask', async () => {
    const asked = calls.calls.map(({ action, resource, context }) =>
      [action, resource.replace(/^.*OffsiteStack-(\w+?)[0-9A-F]{8}.*$/, '$1'), context['iam:PassedToService']]
        .filter(Boolean)
        .join(' '),
    );
    expect(asked.sort()).toEqual([
      'ecs:RunTask RestoreTaskTaskDefinition',
      'ecs:RunTask RestoreTaskVolumeTaskDefinition',
      'iam:PassRole RestoreTaskExecutionRole ecs-tasks.amazonaws.com',
      'iam:PassRole RestoreTaskTaskRole ecs-tasks.amazonaws.com',
      'iam:PassRole RestoreTaskVolumeRole ecs.amazonaws.com',
    ]);
    expect((await compareWithRoles(calls.calls)).refused).toEqual([]);
  });

  test('a base backup is judged by a task of its own: one a day, whoever asks, which the role of the verifier may start', async () => {
    process.env.AWS_ACCESS_KEY_ID = verifier.logicalId;
    const place = environment('clusterArn', 'subnetIds', 'securityGroupId', 'assignPublicIp');
    const task = { ...place, ...environment('verifyTaskDefinitionArn') };
    const at = (time: string, occasion = 'committed') =>
      launchVerifyTask(task, 'bitagent-2026-11-23-031500Z', occasion, new Date(`2026-11-${time}:00Z`));
    const first = await at('23T05:00');
    expect(await at('23T05:01')).toBe(first);
    expect(new Set([first, await at('23T06:00', 'due'), await at('24T06:00', 'due')]).size).toBe(3);
    const one = (await ecs.idle()).find(({ taskArn }) => taskArn === first);
    expect(JSON.parse(one?.logs ?? '{}')).toMatchObject({
      WORDS: 'verify',
      OFFSITE_BUCKET: 'offsite',
      OFFSITE_TOPIC_ARN: local.topicArn,
      OFFSITE_ARCHIVE_ID: 'bitagent-2026-11-23-031500Z',
      OFFSITE_OCCASION: 'committed',
    });
    const asked = calls.calls.filter(({ principal }) => principal === verifier.logicalId);
    expect(asked.map(({ action }) => action)).toContain('ecs:RunTask');
    expect((await compareWithRoles(asked)).refused).toEqual([]);
  });

  test('which verify starts for one that no function reads in its time, by what is stored and not by what is claimed', async () => {
    const stub = await startS3Stub();
    process.env.AWS_ACCESS_KEY_ID = verifier.logicalId;
    process.env.AWS_ENDPOINT_URL_S3 = stub.endpoint;
    try {
      const store = createS3Store({ bucket: local.bucket });
      const record = { plainBytes: 200 * gib };
      const id = await storeBaseBackup(store, {
        source: 'bitagent',
        takenAt: new Date(),
        segment: 2,
        record,
      });
      const { archive: tar, manifest: key } = baseBackupKeys(id);
      const event = {
        'detail-type': 'Object Created',
        detail: { bucket: { name: local.bucket }, object: { key } },
      };
      const context = { awsRequestId: 'r', functionName: 'verify' } as Context;
      const running = (await ecs.idle()).length;
      // No page of it is ever touched: its length is what counts.
      const large = Buffer.alloc(Math.ceil((200 * gib) / 1032));
      const stored = stub.bucket.objects.get(tar) as object;
      Object.assign(stored, { bytes: large });
      expect(await verify(event, context)).toEqual({ awaits: 'task' });
      const started = (await ecs.idle()).slice(running);
      expect(started.map(({ logs }) => JSON.parse(logs ?? '{}'))).toMatchObject([
        { WORDS: 'verify', OFFSITE_ARCHIVE_ID: id.id, OFFSITE_OCCASION: 'committed' },
      ]);
      Object.assign(stored, { bytes: Buffer.from('little') });
      const little = { store, id, now: () => new Date(), sendMail: async () => undefined };
      const readInTask = () => expect.unreachable('a function reads it');
      const judged = await verifyBaseBackupOnce({ ...little, readInTask });
      expect(judged).toMatchObject({ verdict: { verdict: 'damaged' } });
    } finally {
      delete process.env.AWS_ENDPOINT_URL_S3;
      await stub.stop();
    }
  });

  test('a volume that ECS would not make is an error of its own, and nothing runs', async () => {
    const size = {
      ...sizeRestoreTask(100 * gib),
      volume: { sizeGib: 20_000, iops: 6000, throughputMib: 500 },
    };
    const running = (await ecs.idle()).length;
    await expect(launch(size, 'too large')).rejects.toMatchObject({ code: 'RESTORE_TEST_NOT_STARTED' });
    expect(await ecs.idle()).toHaveLength(running);
  });
});
