// What a deployment lacks on this machine, told while synthesizing.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { preflight } from '../../bin/preflight.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-preflight-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const write = (name: string, text: string) => {
  const path = join(home, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
};
const well = {
  CDK_DEFAULT_REGION: 'us-east-1',
  AWS_CONFIG_FILE: write('config', '[default]\nregion = us-east-1\n'),
  CDK_DOCKER: write('docker', '#!/bin/sh\nexit 0\n'),
};
const ids = (
  environment: Record<string, string>,
  email = 'me@mine.org',
  build: 'local' | 'cloud' = 'local',
) => preflight(environment, { email, build }).map(({ id }) => id);

it('says nothing where all is well', () => {
  expect(ids(well)).toEqual([]);
  expect(ids({ ...well, AWS_CONFIG_FILE: join(home, 'none'), AWS_REGION: 'us-east-1' })).toEqual([]);
  expect(ids({ ...well, AWS_CONFIG_FILE: join(home, 'none'), CDK_DEFAULT_REGION: 'eu-central-1' })).toEqual(
    [],
  );
});

it('a region that nobody chose', () => {
  expect(ids({ ...well, AWS_CONFIG_FILE: write('empty', '[default]\n') })).toEqual(['noRegion']);
});

it.each([
  ['is not there', join(home, 'nowhere')],
  ['has no engine', write('dead', '#!/bin/sh\nexit 1\n')],
])('a Docker that %s', (_, CDK_DOCKER) => {
  expect(ids({ ...well, CDK_DOCKER })).toEqual(['noDocker']);
  expect(ids({ ...well, CDK_DOCKER }, 'me@mine.org', 'cloud')).toEqual([]);
});

it('an address of the documentation', () => {
  expect(ids(well, 'you@example.com')).toEqual(['exampleEmail']);
});
