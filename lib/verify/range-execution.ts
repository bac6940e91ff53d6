// Starts the execution that reads a large archive in ranges.

import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { RangeJob } from './plan.ts';

/**
 * Starts it, once for the same bytes: its name is made of the archive's id and of what names its bytes.
 *
 * @param ranges - Their indexes.
 */
export async function startRangeExecution(
  stateMachineArn: string,
  job: RangeJob,
  ranges: readonly number[],
): Promise<void> {
  const client = new SFNClient({});
  // At most 80 characters: an id has up to 59.
  const name = `${job.id}-${job.run}`;
  const input = JSON.stringify({ ...job, ranges });
  try {
    await client.send(new StartExecutionCommand({ stateMachineArn, name, input }));
  } catch (error) {
    // It has ended by now. One that runs still is not started again by the same name and input either.
    if (!(error instanceof ExecutionAlreadyExists)) throw error;
  }
}
