// The function that has the image built, against a stand-in for CodeBuild (its JSON, as the SDK speaks it) that also takes
// the answer in CloudFormation's place.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { buildImage, imageRequestSchema } from '../../lib/restore-task/build-image.ts';

type Answer = Record<string, unknown>;

let builds: (Answer | undefined)[] = [];
let asked: { readonly target: string; readonly body: Answer }[] = [];
let answers: Answer[] = [];
let answerStatus = 200;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Answer;
    if (request.method === 'PUT') {
      answers.push(body);
      return response.writeHead(answerStatus).end();
    }
    const target = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    asked.push({ target, body });
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (body.projectName === 'gone')
      return response
        .writeHead(400)
        .end(
          JSON.stringify({ __type: 'ResourceNotFoundException', message: 'Project cannot be found: gone' }),
        );
    if (target === 'StartBuild') return response.end(JSON.stringify({ build: { id: 'p:1' } }));
    return response.end(JSON.stringify({ builds: [builds.shift()].filter(Boolean) }));
  });
});

const before = { ...process.env };
let address: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: address,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 's',
  });
});
beforeEach(() => {
  [asked, answers, answerStatus] = [[], [], 200];
});
afterEach(() => expect(builds).toEqual([]));
afterAll(() => {
  process.env = before;
  server.close();
});

const request = (type: 'Create' | 'Update' | 'Delete', projectName = 'p') =>
  imageRequestSchema.parse({
    RequestType: type,
    ResponseURL: `${address}/answer?signed`,
    StackId: 'stack',
    RequestId: 'request',
    LogicalResourceId: 'Image',
    ...(type === 'Create' ? {} : { PhysicalResourceId: 'before' }),
    ResourceType: 'Custom::OffsiteImage',
    ResourceProperties: { ServiceToken: 'arn', projectName, tag: 't' },
  });
const limits = { withinMs: 60_000, pauseMs: 1 };
const ended = { StackId: 'stack', RequestId: 'request', LogicalResourceId: 'Image' };

it.each(['Create', 'Update'] as const)('%s: answers when the image is there', async (type) => {
  builds = [{ buildStatus: 'IN_PROGRESS' }, { buildStatus: 'IN_PROGRESS' }, { buildStatus: 'SUCCEEDED' }];
  expect(await buildImage(request(type), limits)).toBeUndefined();
  expect(asked.map(({ target }) => target)).toEqual(['StartBuild', ...Array(3).fill('BatchGetBuilds')]);
  expect(asked[0]?.body).toMatchObject({ projectName: 'p', idempotencyToken: 'request' });
  expect(answers).toEqual([{ ...ended, Status: 'SUCCESS', PhysicalResourceId: 't' }]);
});

it('Delete: asks for nothing, and the images go with their repository', async () => {
  expect(await buildImage(request('Delete'), limits)).toBeUndefined();
  expect(asked).toEqual([]);
  expect(answers).toEqual([{ ...ended, Status: 'SUCCESS', PhysicalResourceId: 'before' }]);
});

it("a build that fails fails the deployment, in CodeBuild's words", async () => {
  builds = [
    {
      buildStatus: 'FAILED',
      phases: [
        { phaseType: 'INSTALL', phaseStatus: 'SUCCEEDED' },
        {
          phaseType: 'BUILD',
          phaseStatus: 'FAILED',
          contexts: [{ message: 'Error while executing: docker build' }],
        },
        { phaseType: 'COMPLETED' },
      ],
      logs: { deepLink: 'https://console/log' },
    },
  ];
  const fault = await buildImage(request('Create'), limits);
  expect(fault).toMatch(/FAILED in BUILD: Error while executing: docker build; see https:\/\/console\/log$/);
  expect(answers).toEqual([{ ...ended, Status: 'FAILED', Reason: fault, PhysicalResourceId: 't' }]);
});

it('one that cannot begin, is lost or has no end in time is answered, too: nobody waits for an hour', async () => {
  expect(await buildImage(request('Create', 'gone'), limits)).toMatch(/Project cannot be found/);
  builds = [undefined];
  expect(await buildImage(request('Create'), limits)).toMatch(/unknown in no phase/);
  builds = [{ buildStatus: 'IN_PROGRESS' }];
  expect(await buildImage(request('Create'), { ...limits, withinMs: -1 })).toMatch(/not ended in time/);
  expect(answers.map(({ Status }) => Status)).toEqual(['FAILED', 'FAILED', 'FAILED']);
});

it('an answer that is not taken fails the function, whose log has it', async () => {
  answerStatus = 403;
  await expect(buildImage(request('Delete'), limits)).rejects.toThrow(/HTTP 403/);
});
