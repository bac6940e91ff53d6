// What is known of the task that we run in: its size and since when it is paid for, as Fargate says, and what Fargate does
// not say, a volume above all, as the launcher handed it over.

import * as z from 'zod';
import { parseJson } from '../base/parse-json.ts';
import { type RestoreReport, surchargesSchema } from '../report/report.ts';

const answerSchema = z.object({
  TaskARN: z.string(),
  Limits: z.object({ CPU: z.number().positive(), Memory: z.number().int().positive() }),
  PullStartedAt: z.iso.datetime().optional(),
  EphemeralStorageMetrics: z.object({ Reserved: z.number().positive() }).optional(),
});

const answerWithinMs = 3000;

/** What names the task to others, and what it runs in. */
export type OwnTask = { readonly arn: string; readonly facts: NonNullable<RestoreReport['task']> };

/**
 * Asks the task metadata endpoint.
 *
 * @param address - `ECS_CONTAINER_METADATA_URI_V4`.
 * @param surcharges - JSON from the launcher; what is not readable of it is as good as not said.
 * @returns `undefined` outside of Fargate, or if it does not answer as documented: a test does not fail for that.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html
 */
export async function readOwnTask(
  address: string | undefined,
  surcharges = '{}',
): Promise<OwnTask | undefined> {
  if (address === undefined) return undefined;
  try {
    const answer = await fetch(`${address}/task`, { signal: AbortSignal.timeout(answerWithinMs) });
    const { TaskARN, Limits, PullStartedAt, EphemeralStorageMetrics } = answerSchema.parse(
      await answer.json(),
    );
    const storageMib = EphemeralStorageMetrics?.Reserved ?? 0;
    const facts = {
      ...(parseJson(surchargesSchema, surcharges) ?? {}),
      vcpu: Limits.CPU,
      memoryMib: Limits.Memory,
      storageGib: Math.round(storageMib / 1024),
      ...(PullStartedAt !== undefined && { billedFrom: new Date(PullStartedAt).toISOString() }),
    };
    return { arn: TaskARN, facts };
  } catch {
    return undefined;
  }
}
