// Has the restore test's image built while the stack is deployed, and tells CloudFormation what became of it.

import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchGetBuildsCommand,
  type Build,
  CodeBuildClient,
  StartBuildCommand,
} from '@aws-sdk/client-codebuild';
import * as z from 'zod';

/** What CloudFormation asks. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html */
export const imageRequestSchema = z.object({
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  ResponseURL: z.url(),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
  PhysicalResourceId: z.string().optional(),
  ResourceProperties: z.object({ projectName: z.string(), tag: z.string() }),
});

export type ImageRequest = z.infer<typeof imageRequestSchema>;

export type BuildLimits = { readonly withinMs: number; readonly pauseMs: number };

/**
 * Builds the image that is asked for; to one that is given up, nothing is done.
 *
 * @returns Why there is no image, or nothing.
 * @throws If CloudFormation could not be answered; it waits until its own limit then.
 */
export async function buildImage(request: ImageRequest, limits: BuildLimits): Promise<string | undefined> {
  const fault =
    request.RequestType === 'Delete'
      ? undefined
      : await build(request, limits).catch((error: Error) => `CodeBuild did not take it: ${error.message}`);
  await answer(request, fault);
  return fault;
}

async function build(
  { ResourceProperties: { projectName }, RequestId }: ImageRequest,
  { withinMs, pauseMs }: BuildLimits,
): Promise<string | undefined> {
  const client = new CodeBuildClient({});
  // By the request: one that comes twice is one build.
  const started = await client.send(new StartBuildCommand({ projectName, idempotencyToken: RequestId }));
  const id = started.build?.id ?? '';
  const until = Date.now() + withinMs;
  for (;;) {
    const { builds } = await client.send(new BatchGetBuildsCommand({ ids: [id] }));
    const found = builds?.[0];
    if (found?.buildStatus === 'SUCCEEDED') return undefined;
    if (found?.buildStatus !== 'IN_PROGRESS') return faultOf(id, found);
    if (Date.now() > until) return `build ${id} has not ended in time; it goes on: deploy again when it has`;
    await sleep(pauseMs);
  }
}

/** In CodeBuild's own words, and where all of them are. */
function faultOf(id: string, build: Build | undefined): string {
  const phase = build?.phases?.find(
    ({ phaseStatus }) => phaseStatus !== 'SUCCEEDED' && phaseStatus !== undefined,
  );
  const words = phase?.contexts
    ?.map(({ message }) => message)
    .filter(Boolean)
    .join('; ');
  const where = build?.logs?.deepLink ?? 'the log of the CodeBuild project';
  return `build ${id} of the restore test's image: ${build?.buildStatus ?? 'unknown'} in ${phase?.phaseType ?? 'no phase'}: ${words || 'no word of why'}; see ${where}`;
}

async function answer(request: ImageRequest, fault: string | undefined): Promise<void> {
  const { StackId, RequestId, LogicalResourceId, PhysicalResourceId, ResourceProperties } = request;
  const body = JSON.stringify({
    Status: fault === undefined ? 'SUCCESS' : 'FAILED',
    // An answer holds 4 KB.
    Reason: fault?.slice(0, 2000),
    PhysicalResourceId: request.RequestType === 'Delete' ? PhysicalResourceId : ResourceProperties.tag,
    StackId,
    RequestId,
    LogicalResourceId,
  });
  const answered = await fetch(request.ResponseURL, { method: 'PUT', headers: { 'content-type': '' }, body });
  if (!answered.ok) throw new Error(`CloudFormation did not take the answer: HTTP ${answered.status}`);
}
