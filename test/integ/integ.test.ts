// The account's own test, against moto in the place of an account: as far as moto goes, interrupted, and cleaned up.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot, runCdk } from '../fixtures/cdk.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so nothing stands in for an account');

describe.skipIf(!hasMoto)('npm run integ', () => {
  let home: string;
  let state: string;
  let moto: Moto;

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'offsite-integ-test-'));
    state = join(home, 'state.json');
    moto = await startMoto();
  });
  afterAll(async () => {
    await moto?.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const integ = (...more: string[]) =>
    execa(
      process.execPath,
      [
        'test/integ/integ.ts',
        '--region',
        'eu-central-1',
        '--endpoint',
        moto.endpoint,
        '--state',
        state,
        ...more,
      ],
      {
        cwd: projectRoot,
        reject: false,
        stdin: 'ignore',
        all: true,
        env: {
          ...moto.env,
          HOME: home,
          CDK_DOCKER: join(projectRoot, 'test', 'fixtures', 'docker-stand-in'),
          DOCKER_STAND_IN_LOG: join(home, 'docker.log'),
        },
      },
    );

  const told = ({ all = '' }: { all?: string }) => all.replaceAll(/\s+/g, ' ');

  test('tells what is missing, stays where it is, and goes on when that is mended', async () => {
    const refused = await integ();
    expect(told(refused)).toContain('is not bootstrapped: run npx cdk bootstrap');
    expect(refused.exitCode).not.toBe(0);
    expect(existsSync(state)).toBe(true);
    const bootstrapped = await runCdk(['bootstrap', 'aws://123456789012/eu-central-1'], home, moto.env, home);
    expect(bootstrapped.exitCode, bootstrapped.stderr).toBe(0);
    const played = await integ();
    expect(played.exitCode, played.all).toBe(0);
    expect(told(played)).toContain('At most 30 minutes and $0.05');
    expect(told(played)).toContain('All 12 steps as expected');
    expect(told(played)).toContain(
      "Left out, not by AWS: What the agent's key is refused; Restore test in Fargate; cdk destroy.",
    );
    expect(existsSync(state)).toBe(false);
  }, 600_000);
});
