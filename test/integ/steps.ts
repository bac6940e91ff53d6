// The steps of the account's own test. Where an endpoint stands in for AWS, what it does not do is done here, or left out, and
// told as a stand-in.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { execa } from 'execa';
import * as z from 'zod';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { verdictSchema } from '../../lib/archive/verdict.ts';
import type { Connection } from '../../lib/postgres/connection.ts';
import { startThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import type { Scene } from '../../lib/rehearsal/stage/story.ts';
import { parseRestoreReport } from '../../lib/report/report.ts';
import { expire } from '../../lib/retention/expire.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { verifyOnce } from '../../lib/verify/verify.ts';
import {
  type Account,
  agentKey,
  callFunction,
  cdk,
  describeStack,
  environmentOf,
  projectRoot,
  s3Of,
} from './account.ts';
import { listenByQueue, publishInPlace, receiveMail } from './mailbox.ts';
import type { IntegState } from './state.ts';

/** What a step works with: it may change the state, which is written when the step has ended. */
export type Play = { readonly account: Account; readonly state: IntegState; readonly scene: Scene };

type Step = {
  readonly title: string;
  /** Whether the endpoint does it as AWS does, does it in part, or does not do it. */
  readonly byEndpoint: 'for real' | 'by a stand-in' | 'left out';
  readonly play: (play: Play) => Promise<void>;
};

const torrents = 200;
const source = 'bitagent';

/** In their order; each of them may be played again. */
export const steps: readonly Step[] = [
  { title: 'The account is bootstrapped', byEndpoint: 'for real', play: seeBootstrap },
  { title: 'Deploy', byEndpoint: 'for real', play: deploy },
  { title: 'Listen to the topic by a queue', byEndpoint: 'for real', play: listen },
  { title: "Back up by the agent's key", byEndpoint: 'by a stand-in', play: backUp },
  { title: 'The verdict comes', byEndpoint: 'by a stand-in', play: awaitVerdict },
  { title: 'List and fetch', byEndpoint: 'for real', play: listAndFetch },
  { title: "What the agent's key is refused", byEndpoint: 'left out', play: seeRefusals },
  { title: 'Expire, a dry run', byEndpoint: 'by a stand-in', play: planRetention },
  { title: 'Restore test in Fargate', byEndpoint: 'left out', play: testRestore },
  { title: 'Its mail arrives', byEndpoint: 'by a stand-in', play: awaitMail },
  { title: 'cdk diff finds nothing', byEndpoint: 'for real', play: diff },
];

async function seeBootstrap({ account, scene }: Play): Promise<void> {
  const found = await describeStack(account, 'CDKToolkit');
  if (found === undefined) {
    throw new Error(
      `the region ${account.region} is not bootstrapped: run npx cdk bootstrap -c email=you@example.com`,
    );
  }
  scene.check('the stack CDKToolkit', true, /_COMPLETE$/.test(found));
  scene.summarize(found);
}

async function deploy({ account, state, scene }: Play): Promise<void> {
  scene.command(`cdk deploy (${account.stackName})`);
  // Directly: a change set asks for a person's look, and moto keeps no outputs of one.
  state.outputs = await cdk(account, 'deploy', '--method=direct', '--require-approval', 'never');
  scene.check('the output BucketName', true, state.outputs.BucketName !== undefined);
  scene.summarize(`${Object.keys(state.outputs).length} outputs`);
}

async function listen({ account, state, scene }: Play): Promise<void> {
  state.queueUrl = await listenByQueue(account, output(state, 'TopicArn'));
  scene.summarize(state.queueUrl.split('/').at(-1) ?? '');
}

async function backUp({ account, state, scene }: Play): Promise<void> {
  const credentials = account.endpoint === undefined ? await agentEnvironment(account, state) : {};
  scene.command('offsite backup');
  const server = await startThrowawayPostgres({ tuned: true, signal: account.signal });
  try {
    const database = await loadCorpus(server.connection, { torrents, edge: true, asof: new Date() });
    const { stdout } = await offsite(
      account,
      state,
      ['backup', '--json'],
      // What it remembers must not be taken for the operator's own.
      { ...credentials, XDG_STATE_HOME: server.directory },
      database,
    );
    state.archiveId = z.object({ id: z.string() }).parse(JSON.parse(stdout)).id;
  } finally {
    await server.stop();
  }
  scene.summarize(state.archiveId);
}

async function awaitVerdict({ account, state, scene }: Play): Promise<void> {
  const id = parseArchiveId(state.archiveId ?? '');
  const store = createS3Store({ bucket: output(state, 'BucketName') });
  if (account.endpoint !== undefined) {
    const readInRanges = () => Promise.reject(new Error('a small archive was read in ranges'));
    await verifyOnce({ store, id, now: () => new Date(), sendMail: async () => undefined, readInRanges });
  }
  const text = await until(account, 300, async () => (await store.readText(archiveKeys(id).verdict))?.text);
  const { verdict } = verdictSchema.parse(JSON.parse(text));
  scene.check('verdict', 'intact', verdict);
  scene.summarize(verdict);
}

async function listAndFetch({ account, state, scene }: Play): Promise<void> {
  const listed = await offsite(account, state, ['list', '--json']);
  const rows = z.array(z.looseObject({ id: z.string() })).parse(JSON.parse(listed.stdout));
  scene.check(
    'archives',
    [state.archiveId],
    rows.map(({ id }) => id),
  );
  const { stdout } = await offsite(account, state, ['fetch', 'latest', '--output', '-']);
  scene.check('a dump was fetched', true, stdout.length > 0);
  scene.summarize('one archive, fetched whole');
}

async function seeRefusals({ account, state, scene }: Play): Promise<void> {
  const s3 = s3Of(account, await agentKey(account, output(state, 'AgentSecretArn')));
  const Bucket = output(state, 'BucketName');
  const { archive, verdict } = archiveKeys(parseArchiveId(state.archiveId ?? ''));
  const other = archive.replaceAll(source, 'another');
  const tries = {
    'read an archive': () => s3.send(new GetObjectCommand({ Bucket, Key: archive })),
    list: () => s3.send(new ListObjectsV2Command({ Bucket })),
    delete: () => s3.send(new DeleteObjectCommand({ Bucket, Key: archive })),
    overwrite: () => s3.send(new PutObjectCommand({ Bucket, Key: archive, Body: 'x' })),
    'write a verdict': () =>
      s3.send(new PutObjectCommand({ Bucket, Key: verdict, Body: 'x', IfNoneMatch: '*' })),
    "write another source's": () =>
      s3.send(new PutObjectCommand({ Bucket, Key: other, Body: 'x', IfNoneMatch: '*' })),
  };
  for (const [what, attempt] of Object.entries(tries)) {
    const answer = await attempt().then(
      () => 'allowed',
      (error: Error) => error.name,
    );
    scene.check(what, 'AccessDenied', answer);
  }
  scene.summarize(`${Object.keys(tries).length} attempts refused`);
}

async function planRetention({ account, state, scene }: Play): Promise<void> {
  const expired: string[] = [];
  if (account.endpoint === undefined) {
    const answer = await callFunction(account, 'expire', { dryRun: true });
    const plans = z.object({ plans: z.array(z.object({ expire: z.array(z.object({ id: z.string() })) })) });
    for (const plan of plans.parse(answer).plans) expired.push(...plan.expire.map(({ id }) => id));
  } else {
    await expire({
      store: createS3Store({ bucket: output(state, 'BucketName') }),
      policy: { keepDays: 1, keepIntact: 7, freshnessHours: 26 },
      now: new Date(),
      dryRun: true,
      onPlan: (plan) => expired.push(...plan.expire.map(({ id }) => id)),
    });
  }
  scene.check('archives that would go', [], expired);
  scene.summarize('nothing would go');
}

async function testRestore({ account, state, scene }: Play): Promise<void> {
  const id = parseArchiveId(state.archiveId ?? '');
  const store = createS3Store({ bucket: output(state, 'BucketName') });
  const newest = async () => {
    for await (const { key } of store.list(archiveKeys(id).reports)) {
      if (key.endsWith('.json')) return (await store.readText(key))?.text;
    }
    return undefined;
  };
  // Played again, the test that was begun is waited for.
  if ((await newest()) === undefined) await callFunction(account, 'launch-restore-test', { id: id.id });
  const report = parseRestoreReport(await until(account, 1200, newest));
  scene.check('restore test', 'passed', report?.outcome);
  scene.summarize(report?.outcome ?? 'no report');
}

async function awaitMail({ account, state, scene }: Play): Promise<void> {
  const queueUrl = state.queueUrl ?? '';
  if (account.endpoint !== undefined) await publishInPlace(account, output(state, 'TopicArn'));
  const subject = await until(account, 120, () => receiveMail(account, queueUrl));
  scene.check('it is ours', true, subject.startsWith('[offsite] '));
  scene.summarize(subject);
}

async function diff({ account, scene }: Play): Promise<void> {
  scene.command('cdk diff --fail');
  await cdk(account, 'diff', '--fail', '--method=template');
  scene.summarize('no differences');
}

function output(state: IntegState, name: string): string {
  const value = state.outputs[name];
  if (value === undefined) throw new Error(`the stack has no output ${name}`);
  return value;
}

/** As a host has it: the agent's key, and nothing of the profile that deploys. */
async function agentEnvironment(
  account: Account,
  state: IntegState,
): Promise<Record<string, string | undefined>> {
  const key = await agentKey(account, output(state, 'AgentSecretArn'));
  return {
    AWS_PROFILE: undefined,
    AWS_SESSION_TOKEN: undefined,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
  };
}

function offsite(
  account: Account,
  state: IntegState,
  args: readonly string[],
  environment: Record<string, string | undefined> = {},
  database?: Connection,
) {
  return execa(join(projectRoot, 'bin', 'offsite'), args, {
    cwd: projectRoot,
    env: {
      ...environmentOf(account),
      OFFSITE_SOURCE: source,
      OFFSITE_BUCKET: output(state, 'BucketName'),
      ...(database?.via === 'server' ? database.env : {}),
      ...environment,
    },
    encoding: 'latin1',
    stdin: 'ignore',
    cancelSignal: account.signal,
  });
}

/** Asks every few seconds, for so many of them. @throws Error Where the answer does not come. */
async function until<T>({ signal }: Account, seconds: number, ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`nothing came within ${seconds} s`);
    await sleep(5000, undefined, { signal });
  }
}
