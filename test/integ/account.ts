// The account that is tested: its clients, by the credentials and the endpoint of the environment, and the CDK's CLI.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient, paginateListFunctions } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { execa } from 'execa';

export const projectRoot = join(import.meta.dirname, '..', '..');

export type Account = {
  readonly region: string;
  /** In place of AWS, where there is one: what it does not do is said to be a stand-in. */
  readonly endpoint: string | undefined;
  readonly stackName: string;
  readonly signal: AbortSignal;
};

export type AgentKey = { readonly accessKeyId: string; readonly secretAccessKey: string };

/** What `cdk` and `offsite` see of the account. */
export function environmentOf({ region, endpoint, stackName }: Account): Record<string, string> {
  return {
    AWS_REGION: region,
    INTEG_STACK: stackName,
    CDK_DISABLE_CLI_TELEMETRY: 'true',
    ...(endpoint === undefined ? {} : { AWS_ENDPOINT_URL: endpoint }),
  };
}

export function s3Of({ region, endpoint }: Account, credentials?: AgentKey): S3Client {
  return new S3Client({
    region,
    ...(endpoint === undefined ? {} : { forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
  });
}

/** The stack, or `undefined` where there is none of that name. */
export async function describeStack({ region }: Account, name: string): Promise<string | undefined> {
  const client = new CloudFormationClient({ region });
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: name }));
    return Stacks[0]?.StackStatus;
  } catch (error) {
    if ((error as Error).message.includes('does not exist')) return undefined;
    throw error;
  }
}

/**
 * Runs `cdk` on the test's own app.
 *
 * @returns What the stack gives out, after a deploy.
 * @throws Error With what it wrote, where it fails.
 */
export async function cdk(account: Account, ...args: string[]): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'offsite-integ-'));
  const outputs = join(folder, 'outputs.json');
  const app = ['--app', 'bin/run test/integ/app.ts', '--output', join(folder, 'cdk.out')];
  const settings = { email: 'integ@example.com', agentAccess: 'user', keepDays: '1', undoDays: '1' };
  const context = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const own = args[0] === 'deploy' ? ['--outputs-file', outputs] : [];
  try {
    await execa('cdk', [...args, ...own, ...app, ...context], {
      cwd: projectRoot,
      preferLocal: true,
      localDir: projectRoot,
      env: environmentOf(account),
      stdin: 'ignore',
      cancelSignal: account.signal,
      // A deployment that was begun is not to be left half-way: it ends in CloudFormation, whatever becomes of us.
      forceKillAfterDelay: 30_000,
    });
    if (own.length === 0) return {};
    return JSON.parse(readFileSync(outputs, 'utf8'))[account.stackName] ?? {};
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Calls a function of the stack.
 *
 * @param name - Of its file: `expire`.
 * @throws Error Where it fails, with what it answered.
 */
export async function callFunction(account: Account, name: string, event: object): Promise<unknown> {
  const client = new LambdaClient({ region: account.region });
  for await (const { Functions = [] } of paginateListFunctions({ client }, {})) {
    const found = Functions.find(
      ({ Description, FunctionName = '' }) =>
        Description === `Offsite: ${name}` && FunctionName.startsWith(account.stackName),
    );
    if (found === undefined) continue;
    const { Payload, FunctionError } = await client.send(
      new InvokeCommand({ FunctionName: found.FunctionName, Payload: JSON.stringify(event) }),
    );
    const answer = Payload?.transformToString() ?? '';
    if (FunctionError !== undefined) throw new Error(`${name} failed: ${answer}`);
    return JSON.parse(answer);
  }
  throw new Error(`${account.stackName} has no function ${name}`);
}

/** The key of the agent's user. */
export async function agentKey({ region }: Account, secretArn: string): Promise<AgentKey> {
  const client = new SecretsManagerClient({ region });
  const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId: secretArn }));
  return JSON.parse(SecretString);
}
