// The task metadata endpoint as Fargate documents it, on a real server of HTTP, and what the launcher hands over beside it.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readOwnTask } from '../../lib/restore-task/metadata.ts';

/** @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html */
const documented = {
  Cluster: 'arn:aws:ecs:us-west-2:111122223333:cluster/default',
  TaskARN: 'arn:aws:ecs:us-west-2:111122223333:task/default/e9028f8d5d8e4f258373e7b93ce9a3c3',
  LaunchType: 'FARGATE',
  Limits: { CPU: 8, Memory: 32_768 },
  PullStartedAt: '2026-11-23T04:59:20.123456789Z',
  EphemeralStorageMetrics: { Utilized: 261, Reserved: 20_496 },
};

let server: Server;
let address: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    const found = request.url === '/v4/x/task';
    response.writeHead(found ? 200 : 404).end(found ? JSON.stringify(documented) : 'not found');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v4/x`;
});

afterAll(() => server.close());

const facts = {
  vcpu: 8,
  memoryMib: 32_768,
  storageGib: 20,
  billedFrom: '2026-11-23T04:59:20.123Z',
};

test('its name, the size, since when it is paid for, and the volume that Fargate does not speak of', async () => {
  const surcharges = { volume: { sizeGib: 383, iops: 6000, throughputMib: 500 }, publicAddress: false };
  expect(await readOwnTask(address, JSON.stringify(surcharges))).toEqual({
    arn: documented.TaskARN,
    facts: { ...facts, ...surcharges },
  });
});

test.each([undefined, 'no JSON', '{"volume":{"sizeGib":-1}}', '[]'])(
  'surcharges that cannot be read (%s) are as good as not said',
  async (surcharges) => {
    expect((await readOwnTask(address, surcharges))?.facts).toEqual(facts);
  },
);

test('outside of Fargate, or without an answer, nothing is known, and nothing fails', async () => {
  expect(await readOwnTask(undefined)).toBeUndefined();
  expect(await readOwnTask(`${address}/elsewhere`)).toBeUndefined();
  expect(await readOwnTask('http://127.0.0.1:9')).toBeUndefined();
});
