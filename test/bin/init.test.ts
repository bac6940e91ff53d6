// From nothing to a first archive, against a real Postgres and moto. The stack is a stand-in: a template with the outputs that
// ours has, for moto's CloudFormation makes no key for a user of ours.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudFormationClient, CreateStackCommand } from '@aws-sdk/client-cloudformation';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import type { LocalAws } from '../../lib/rehearsal/aws/local-aws.ts';
import { bin } from '../fixtures/agent.ts';
import { keysIn, offsite } from '../fixtures/cli.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';

let aws: LocalAws;
let moto: Moto | undefined;
let postgres: ThrowawayPostgres;
let env: Record<string, string>;
let home: string;
const config = () => join(home, '.config', 'offsite', 'config.yaml');
const archives = async () =>
  (await keysIn(aws.endpoint, aws.bucket)).filter((key) => key.endsWith('.manifest.json'));

const template = (bucket: string, secretArn: string) =>
  JSON.stringify({
    Resources: { Topic: { Type: 'AWS::SNS::Topic' } },
    Outputs: { BucketName: { Value: bucket }, AgentSecretArn: { Value: secretArn } },
  });

beforeAll(async () => {
  aws = await startLocalAws();
  postgres = await startThrowawayPostgres({ tuned: true });
  if (postgres.connection.via !== 'server') throw new Error('unreachable');
  env = { ...aws.env, ...postgres.connection.env };
  if (!hasMoto) return console.warn('SKIPPED: no moto, whose CloudFormation has the outputs');
  moto = await startMoto();
  const reach = { region: 'us-east-1', endpoint: moto.endpoint };
  const SecretString = JSON.stringify({ accessKeyId: 'AKIAAGENT', secretAccessKey: 'S3CRET' });
  const { ARN = '' } = await new SecretsManagerClient(reach).send(
    new CreateSecretCommand({ Name: 'agent', SecretString }),
  );
  await new CloudFormationClient(reach).send(
    new CreateStackCommand({ StackName: 'OffsiteStack', TemplateBody: template(aws.bucket, ARN) }),
  );
  env.AWS_ENDPOINT_URL_CLOUDFORMATION = moto.endpoint;
  env.AWS_ENDPOINT_URL_SECRETS_MANAGER = moto.endpoint;
});
beforeEach(() => {
  if (home !== undefined) rmSync(home, { recursive: true, force: true });
  home = mkdtempSync(join(tmpdir(), 'offsite-init-'));
});
afterAll(async () => {
  await moto?.stop();
  await postgres?.stop();
  await aws?.stop();
  if (home !== undefined) rmSync(home, { recursive: true, force: true });
});

/** Without Docker, whatever the machine has. */
const init = (...args: string[]) =>
  offsite(['init', '--config', config(), ...args], {
    ...env,
    HOME: home,
    AWS_SHARED_CREDENTIALS_FILE: join(home, '.aws', 'credentials'),
    DOCKER_HOST: 'unix:///nonexistent',
  });

const stackMissing: [string, string[], number, string] = [
  'a stack that is not there',
  ['--stack-name', 'Other'],
  6,
  'npx cdk deploy',
];

describe('offsite init --yes', () => {
  it.skipIf(!hasMoto)(
    'reads the stack, adds its key as a profile, writes the settings, tries them and takes an archive',
    async () => {
      const before = (await archives()).length;
      const made = await init('--yes', '--no-install');
      expect(made.exitCode, made.stdout + made.stderr).toBe(0);
      expect(readFileSync(config(), 'utf8')).toContain(`bucket: ${aws.bucket}\n`);
      expect(readFileSync(join(home, '.aws', 'credentials'), 'utf8')).toBe(
        '[offsite-agent]\naws_access_key_id = AKIAAGENT\naws_secret_access_key = S3CRET\n',
      );
      expect(statSync(join(home, '.aws', 'credentials')).mode & 0o777).toBe(0o600);
      expect(made.stdout + made.stderr).not.toContain('S3CRET');
      expect(made.stdout).toMatch(/^bitagent-\S+ {2}.*stored/m);
      expect((await archives()).length).toBe(before + 1);
      const text = readFileSync(config(), 'utf8');
      const again = await init('--yes', '--no-install', '--no-backup', '--source', 'bitagent');
      expect(again.exitCode, again.stderr).toBe(0);
      expect(readFileSync(config(), 'utf8')).toBe(
        `${text}# the database's name in the vault\nsource: bitagent\n`,
      );
      expect((await archives()).length).toBe(before + 1);
    },
  );

  it('writes what doctor finds wrong, says what to do, and goes no further', async () => {
    const before = (await archives()).length;
    const made = await init(
      '--yes',
      '--no-install',
      '--bucket',
      aws.bucket,
      '--url',
      'postgres://nobody@127.0.0.1:1/x',
    );
    expect(made.exitCode).toBe(3);
    expect(made.stdout).toContain(`kept):\n  offsite init --config ${config()}`);
    expect((await archives()).length).toBe(before);
  });

  it.each<[string, string[], number, string]>([
    ...(hasMoto ? [stackMissing] : []),
    ['a file of several sources', [], 2, 'several in'],
    ['no terminal and no --yes', ['nobody is asked'], 2, '--yes'],
  ])('%s: said, and nothing is written', async (what, args, exitCode, said) => {
    if (what.startsWith('a file')) {
      mkdirSync(join(home, '.config', 'offsite'), { recursive: true });
      writeFileSync(config(), 'bucket: vault\nsources: { one: {}, two: {} }\n');
    }
    const refused = await (args[0] === 'nobody is asked' ? init() : init('--yes', '--no-install', ...args));
    expect(refused.stdout + refused.stderr).toContain(said);
    expect(refused.exitCode).toBe(exitCode);
    expect(await execa('find', [home, '-type', 'f'])).toMatchObject({
      stdout: what.startsWith('a file') ? config() : '',
    });
  });
});

describe('offsite init on a terminal', () => {
  /** @param keys - What is typed at each question, known by a word of it. */
  const asked = async (keys: readonly (readonly [question: string, typed: string])[]) => {
    const line = `stty cols 80 rows 40; exec ${bin} init --config ${config()} --no-install --no-backup`;
    const running = execa('script', ['-qec', line, '/dev/null'], {
      env: {
        PATH: process.env.PATH ?? '',
        ...env,
        HOME: home,
        DOCKER_HOST: 'unix:///nonexistent',
        SHELL: '/bin/sh',
        TERM: 'xterm',
      },
      extendEnv: false,
      reject: false,
      stdin: 'pipe',
    });
    let shown = '';
    let from = 0;
    const left = [...keys];
    for await (const chunk of running.iterable({ from: 'stdout', binary: true, preserveNewlines: true })) {
      shown += Buffer.from(chunk).toString();
      const [next] = left;
      const at = next === undefined ? -1 : shown.indexOf(next[0], from);
      if (next === undefined || at < 0) continue;
      left.shift();
      from = at + next[0].length;
      running.stdin.write(next[1]);
    }
    const { exitCode } = await running;
    return { exitCode, shown, left };
  };
  const down = '\u001b[B';
  const withoutScript = 'SKIPPED: no script(1) that makes a terminal';

  it('asks, takes no wrong answer, and writes what was answered', async () => {
    if (!hasProgram('script')) return console.warn(withoutScript);
    const { PGUSER, PGHOST, PGPORT, PGPASSWORD } = env;
    const { exitCode, shown, left } = await asked([
      ['Where is the database', '\r'],
      [
        'Its address: postgres',
        `postgres://${PGUSER}:${PGPASSWORD || 'none'}@${PGHOST}:${PGPORT}/postgres\r`,
      ],
      ['Where shall archives go', `${down}${down}\r`],
      ['Which store', '\r'],
      ['Its address, as https', 'no url\r'],
      ['a URL that begins with', `${'\u007f'.repeat(6)}${aws.endpoint}\r`],
      ['Which bucket', ` ${aws.bucket} \r`],
      // In place of the usual answer, not behind it.
      ['In which region', 'eu-west-3\r'],
      ["The agent's credentials", '\u001b[A\r'],
      ['Access key id', 'AKIATYPED\r'],
      ['Secret access key', ' S3CRET-TYPED \r'],
      ['Write this to', '\r'],
    ]);
    expect(left, shown).toEqual([]);
    const written = readFileSync(config(), 'utf8');
    for (const line of [`endpoint: ${aws.endpoint}`, `bucket: ${aws.bucket}`, 'region: eu-west-3'])
      expect(written).toContain(`${line}\n`);
    expect(exitCode, shown).toBe(0);
    // A key of a store's console becomes the agent's profile; neither it nor a password is shown again.
    expect(written).toContain('profile: offsite-agent\n');
    expect(readFileSync(join(home, '.aws', 'credentials'), 'utf8')).toBe(
      '[offsite-agent]\naws_access_key_id = AKIATYPED\naws_secret_access_key = S3CRET-TYPED\n',
    );
    expect(shown).not.toContain('S3CRET');
    expect(shown.slice(shown.indexOf('# how the dump is taken'))).toContain(`${PGUSER}:***@`);
  });

  it.each([
    ['^C', '\u0003'],
    ['escape', '\u001b'],
  ])('%s ends it, and nothing is written', async (_, typed) => {
    if (!hasProgram('script')) return console.warn(withoutScript);
    const { exitCode, shown } = await asked([['Where is the database', typed]]);
    expect(shown).toContain('INTERRUPTED');
    expect(exitCode).toBe(130);
    expect((await execa('find', [home, '-type', 'f'])).stdout).toBe('');
  });
});
