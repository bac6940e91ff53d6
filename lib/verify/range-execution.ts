// Starts the execution that reads a large archive in ranges, or takes one up that has failed.

import {
  DescribeExecutionCommand,
  ExecutionAlreadyExists,
  ExecutionNotRedrivable,
  RedriveExecutionCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { OffsiteError } from '../base/errors.ts';
import type { RangeJob } from './plan.ts';

/** A name is used once in 90 days; who asks for more attempts at the same bytes has another trouble than that. */
const attemptsMax = 9;

/**
 * Lets an archive be read in ranges, unless that is going on.
 *
 * @remarks An execution's name is made of the archive's id, of what names its bytes, and of the attempt. One that has failed
 *   goes on where it stopped; where it cannot, or has ended well and its verdict is gone, the next attempt begins anew.
 * @throws {@link OffsiteError} `STORE_FAILED` if there were too many attempts.
 */
export async function startRangeExecution(
  stateMachineArn: string,
  job: RangeJob,
  ranges: readonly number[],
): Promise<void> {
  const client = new SFNClient({});
  const input = JSON.stringify({ ...job, ranges });
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    // At most 80 characters: an id has up to 59.
    const name = `${job.id}-${job.run}${attempt === 1 ? '' : `-${attempt}`}`;
    try {
      await client.send(new StartExecutionCommand({ stateMachineArn, name, input }));
      return;
    } catch (error) {
      if (!(error instanceof ExecutionAlreadyExists)) throw error;
    }
    const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
    if (await goesOn(client, executionArn)) return;
  }
  throw new OffsiteError('STORE_FAILED', `reading ${job.id} in ranges has failed too often`, {
    expected: 'an execution that runs, or one that can be taken up',
    found: `${attemptsMax} that have ended`,
    hint: 'look at their logs (docs/large-archives.md); the archive stays unverified',
  });
}

/** Whether the execution runs, or does so again now. */
async function goesOn(client: SFNClient, executionArn: string): Promise<boolean> {
  const { status, redriveStatus } = await client.send(new DescribeExecutionCommand({ executionArn }));
  if (status === 'RUNNING') return true;
  if (redriveStatus !== 'REDRIVABLE') return false;
  try {
    await client.send(new RedriveExecutionCommand({ executionArn }));
    return true;
  } catch (error) {
    // Another event of the same archive was quicker, or it is too old by now.
    if (!(error instanceof ExecutionNotRedrivable)) throw error;
    const now = await client.send(new DescribeExecutionCommand({ executionArn }));
    return now.status === 'RUNNING';
  }
}
