// The state machine of the synthesized template, run with the real handlers in processes of their own against a local
// S3: an archive verified in ranges gets the verdict that the verify handler gives it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { archiveKeys } from '../../lib/archive/names.ts';
import { verdictSchema } from '../../lib/archive/verdict.ts';
import { type Bus, createBus } from '../../lib/rehearsal/aws/bus.ts';
import { synthesize } from '../../lib/rehearsal/template/synthesis.ts';
import { readWiring, type Wiring } from '../../lib/rehearsal/template/wiring.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { planRanges, type RangeJob, rangeLimits } from '../../lib/verify/plan.ts';
import { startRangeExecution } from '../../lib/verify/range-execution.ts';
import { verifyOnce } from '../../lib/verify/verify.ts';
import { smallDump } from '../fixtures/archives.ts';
import { hostile } from '../fixtures/hostile-dump.ts';
import { smallLimits, storeInMembers, substance } from '../fixtures/large-archive.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { type SfnEndpoint, startSfnEndpoint } from '../fixtures/states/sfn-endpoint.ts';
import { readStateMachines, type StateMachine } from '../fixtures/states/state-language.ts';
import { compareWithRoles } from './permissions.ts';

let directory: string;
let aws: LocalAws;
let s3: S3Client;
let store: ArchiveStore;
let wiring: Wiring;
let bus: Bus;
let machines: StateMachine[];
let sfn: SfnEndpoint;
const over = new AbortController();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'offsite-ranges-test-'));
  aws = await startLocalAws();
  s3 = new S3Client({ forcePathStyle: true });
  store = aws.store;
  const { template, stackName, assetDirectory } = await synthesize(
    join(directory, 'cdk.out'),
    directory,
    { email: 'operator@example.com' },
    over.signal,
  );
  wiring = readWiring(template, stackName, aws);
  const environment: Record<string, string> = { ...aws.env };
  const host = { assetDirectory, aws: environment, signal: over.signal };
  bus = createBus(wiring, host, s3, aws.bucket);
  machines = readStateMachines(template, { ...wiring, stackName });
  sfn = await startSfnEndpoint(wiring, machines, host, bus.emit, aws.callLog);
  environment.AWS_ENDPOINT_URL_SFN = sfn.endpoint;
  process.env.AWS_ENDPOINT_URL_SFN = sfn.endpoint;
});
afterAll(async () => {
  delete process.env.AWS_ENDPOINT_URL_SFN;
  over.abort();
  await sfn.stop();
  s3.destroy();
  await aws.stop();
  await rm(directory, { recursive: true });
});

const verdictOf = async (key: string) => {
  const stored = await store.readText(key);
  return stored && verdictSchema.parse(JSON.parse(stored.text));
};
const dump = Buffer.from(smallDump(150));
const machineArn = () => machines[0]?.arn ?? '';

it.each([
  // Its seams lie in statements: all ranges but the first are read again, one by one.
  ['intact', Buffer.from(hostile), (file: Buffer) => file],
  ['damaged', dump, (file: Buffer) => Buffer.from(file).fill(0, file.length / 2, file.length / 2 + 1)],
])('gives the same verdict both ways: %s', async (kind, text, harm) => {
  const { id, manifest } = await storeInMembers(store, `both-${kind}`, text, harm);
  const keys = archiveKeys(id);
  await bus.announceObjects();
  const alone = await verdictOf(keys.verdict);
  expect(alone?.verdict).toBe(kind);
  await store.delete(keys.verdict);

  const { versionId, etag } = manifest;
  const job: RangeJob = { id: id.id, versionId, etag, run: '0123456789abcdef', limits: smallLimits };
  const ranges = planRanges(manifest, smallLimits).map(({ index }) => index);
  await startRangeExecution(machineArn(), job, ranges);
  await startRangeExecution(machineArn(), job, ranges);
  const ended = (await sfn.idle()).filter(({ name }) => name.startsWith(id.id));
  expect(ended).toMatchObject([{ status: 'SUCCEEDED', name: `${id.id}-0123456789abcdef` }]);
  const together = await verdictOf(keys.verdict);
  expect(together).toMatchObject({ rangeReaders: ranges.length });
  expect(together && substance(together)).toEqual(alone && substance(alone));
  if (kind !== 'damaged') return;
  // Whoever asks again, although it has ended well, has no verdict: it is read anew.
  await startRangeExecution(machineArn(), job, ranges);
  const again = (await sfn.idle()).filter(({ name }) => name.startsWith(id.id));
  expect(again.map(({ name }) => name)).toEqual([`${id.id}-${job.run}`, `${id.id}-${job.run}-2`]);
});

it('is begun for what is large, once however often it is announced', async () => {
  const { id, manifest } = await storeInMembers(store, 'large', dump, (file) => file, claimed(5));
  const ranges = planRanges(manifest, rangeLimits);
  const mailsBefore = (await aws.mails()).length;
  // A store that has as many bytes as the manifest claims: 40 GiB are not to be had here.
  const large: ArchiveStore = {
    ...store,
    async open(...what) {
      const opened = await store.open(...what);
      return opened && { ...opened, bytes: manifest.compressedBytes };
    },
  };
  for (let time = 0; time < 2; time += 1) {
    const begun = await verifyOnce({
      store: large,
      id,
      now: () => new Date(),
      sendMail: () => Promise.reject(new Error('it is the join that tells')),
      readInRanges: (job, indexes) => startRangeExecution(machineArn(), job, indexes),
    });
    expect(begun).toMatchObject({ rangeReaders: ranges.length });
  }
  const ended = (await sfn.idle()).filter(({ name }) => name.startsWith(id.id));
  expect(ended).toMatchObject([{ status: 'SUCCEEDED' }]);
  expect(await verdictOf(archiveKeys(id).verdict)).toMatchObject({
    verdict: 'damaged',
    rangeReaders: ranges.length,
  });
  expect((await aws.mails()).slice(mailsBefore).map(({ subject }) => subject)).toEqual([
    `[offsite] DAMAGED archive: ${id.id}`,
  ]);
});

it('tells the operator when it fails for good', async () => {
  const mailsBefore = (await aws.mails()).length;
  const job: RangeJob = {
    id: 'gone-2026-11-22-031500Z',
    versionId: null,
    etag: 'e',
    run: 'r',
    limits: smallLimits,
  };
  await startRangeExecution(machineArn(), job, [0]);
  const ended = (await sfn.idle()).find(({ name }) => name.startsWith(job.id));
  expect(ended).toMatchObject({ status: 'FAILED', cause: expect.stringContaining('there is no archive') });
  const [mail, ...others] = (await aws.mails()).slice(mailsBefore);
  expect(others).toEqual([]);
  expect(mail?.subject).toBe(`[offsite] NOT VERIFIED: ${job.id}, reading it in ranges FAILED`);
  expect(mail?.text).toContain('aws stepfunctions redrive-execution');
  // Mended or not, handing the event in again takes it up; that it has failed again is another mail.
  await startRangeExecution(machineArn(), job, [0]);
  await sfn.idle();
  const attempts = (await aws.mails()).slice(mailsBefore).map(({ subject }) => subject);
  expect(attempts).toEqual([mail?.subject, mail?.subject]);
});

it('asks for what the roles of the template allow, and needs all that those of readers and join allow', async () => {
  const { refused, unused } = await compareWithRoles(
    aws.callLog.calls.filter(({ principal }) => principal.startsWith('Handlers')),
  );
  expect(refused).toEqual([]);
  const own = unused.filter((line) => /^(ReadRange|JoinRanges): /.test(line));
  expect(
    own.filter(
      (line) => !/: (logs|lambda|sqs):|GetObjectVersion|acceptances|GetObject on watch.faults/.test(line),
    ),
  ).toEqual([
    // Without it S3 says that what is absent is forbidden.
    'ReadRange: s3:ListBucket on the bucket',
  ]);
});

/** A manifest of so many members of 8 GiB, each a range, whatever the archive holds. */
function claimed(members: number) {
  const bytes = 8 * 1024 ** 3;
  return {
    members: Array.from({ length: members }, (_, index) => ({
      offset: index * bytes,
      compressedBytes: bytes,
      plainBytes: 5 * bytes,
      crc32: '00000000',
    })),
    compressedBytes: members * bytes,
    plainBytes: 5 * members * bytes,
  };
}
