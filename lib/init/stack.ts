// What the deployed stack says of itself, to whoever may ask: its outputs, and the agent's key where it made one.

import { type CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { OffsiteError } from '../base/errors.ts';

/** Outputs of the stack by their names: `BucketName`, `AgentSecretArn` … */
export type Outputs = Readonly<Record<string, string>>;

/**
 * Reads the outputs of the stack.
 *
 * @returns `undefined` if there is no such stack, or it has not been deployed to its end.
 * @throws {@link OffsiteError} `CREDENTIALS_REFUSED` if these credentials may not ask.
 */
export async function readOutputs(
  client: Pick<CloudFormationClient, 'send'>,
  name: string,
): Promise<Outputs | undefined> {
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: name }));
    const pairs = (Stacks[0]?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [
      OutputKey,
      OutputValue,
    ]);
    const outputs: Outputs = Object.fromEntries(pairs);
    return outputs.BucketName === undefined ? undefined : outputs;
  } catch (error) {
    if (/does not exist/.test((error as Error).message)) return undefined;
    throw refused(`ask for the stack ${name}`, error as Error);
  }
}

const keySchema = z.object({ accessKeyId: z.string(), secretAccessKey: z.string() });

export type AgentKey = z.infer<typeof keySchema>;

/**
 * Reads the key that the stack made for a host outside of AWS.
 *
 * @throws {@link OffsiteError} `CREDENTIALS_REFUSED` if these credentials may not read it.
 */
export async function readAgentKey(
  client: Pick<SecretsManagerClient, 'send'>,
  secretArn: string,
): Promise<AgentKey> {
  try {
    const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId: secretArn }));
    return keySchema.parse(JSON.parse(SecretString));
  } catch (error) {
    throw refused("read the agent's key", error as Error);
  }
}

function refused(what: string, error: Error): OffsiteError {
  return new OffsiteError('CREDENTIALS_REFUSED', `these credentials could not ${what}`, {
    expected: 'those of whoever deployed it, in its region',
    found: error.message,
    hint: 'name them: --operator-profile NAME, --region REGION; or name the bucket: --bucket NAME',
    cause: error,
  });
}
