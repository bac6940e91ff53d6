// AWS's own notices (a task stopped, a function failed for good) as mails. They cover what the programs themselves
// could not report any more.

import * as z from 'zod';
import { type FaultId, runbookLine } from './faults.ts';
import { composeMail, type Mail } from './mail.ts';
import { formatInstant } from './quantities.ts';

const taskStopped = z.object({
  'detail-type': z.literal('ECS Task State Change'),
  time: z.string(),
  detail: z.object({
    lastStatus: z.string(),
    stoppedReason: z.string().optional(),
    stopCode: z.string().optional(),
    taskArn: z.string(),
    containers: z
      .array(z.object({ name: z.string(), exitCode: z.number().optional(), reason: z.string().optional() }))
      .default([]),
    overrides: z
      .object({
        containerOverrides: z
          .array(
            z.object({ environment: z.array(z.object({ name: z.string(), value: z.string() })).default([]) }),
          )
          .default([]),
      })
      .optional(),
  }),
});

const functionFailed = z.object({
  timestamp: z.string(),
  requestContext: z.object({
    functionArn: z.string(),
    condition: z.string(),
    approximateInvokeCount: z.number(),
  }),
  requestPayload: z.unknown(),
  responsePayload: z
    .object({ errorMessage: z.string().optional(), errorType: z.string().optional() })
    .nullish(),
});

/** Exit codes with which the restore test says that it has reported by itself. */
const reportedExitCodes = [0, 1];

/** What a notice tells of. */
export type Explained = { readonly fault: FaultId; readonly mail: Mail };

/**
 * Makes the mail for a notice.
 *
 * @param archiveIdName - The container's variable that names the archive.
 * @returns `undefined` for a notice that needs none (a restore test that has reported by itself), and an explanation of
 *   the unknown for anything else: silence is never right here.
 */
export function explainNotice(notice: unknown, archiveIdName: string): Explained | undefined {
  const task = taskStopped.safeParse(notice);
  if (task.success) {
    const mail = taskMail(task.data, archiveIdName);
    return mail && { fault: 'restoreTestLost', mail };
  }
  const failure = functionFailed.safeParse(notice);
  if (failure.success) return { fault: 'handlerFailed', mail: functionMail(failure.data) };
  const mail = composeMail('[offsite] A notice that is not understood', [
    'The report function received this and does not know it:',
    JSON.stringify(notice, null, 2).slice(0, 4000),
    runbookLine('unknownNotice'),
  ]);
  return { fault: 'unknownNotice', mail };
}

function taskMail({ time, detail }: z.infer<typeof taskStopped>, archiveIdName: string): Mail | undefined {
  if (detail.lastStatus !== 'STOPPED') return undefined;
  const exitCode = detail.containers[0]?.exitCode;
  if (exitCode !== undefined && reportedExitCodes.includes(exitCode)) return undefined;
  const environment = detail.overrides?.containerOverrides.flatMap((override) => override.environment) ?? [];
  const archive = environment.find(({ name }) => name === archiveIdName)?.value ?? 'unknown archive';
  const reasons = [detail.stoppedReason, ...detail.containers.map(({ reason }) => reason)].filter(Boolean);
  return composeMail(`[offsite] RESTORE TEST FAILED: ${archive}, the task ended without a report`, [
    `The task that restores ${archive} stopped at ${formatInstant(new Date(time))} and could not report by itself.`,
    [
      `reason     ${reasons.join('; ') || 'not given'}`,
      `stop code  ${detail.stopCode ?? 'not given'}`,
      `exit code  ${exitCode === undefined ? 'none: it never ran, or was killed' : `${exitCode}${killedBy(exitCode)}`}`,
      `task       ${detail.taskArn}`,
    ].join('\n'),
    "What to do: look at the task's log in CloudWatch Logs, then start the test again.",
    runbookLine('restoreTestLost'),
  ]);
}

function killedBy(exitCode: number): string {
  return exitCode === 137 ? ' (killed: out of memory or time)' : '';
}

function functionMail({
  timestamp,
  requestContext,
  requestPayload,
  responsePayload,
}: z.infer<typeof functionFailed>): Mail {
  const name = requestContext.functionArn.split(':')[6] ?? requestContext.functionArn;
  return composeMail(`[offsite] ${name} FAILED`, [
    `The function ${name} failed ${requestContext.approximateInvokeCount} times, last at ${formatInstant(new Date(timestamp))}; it is not tried again.`,
    `error  ${responsePayload?.errorType ?? requestContext.condition}: ${responsePayload?.errorMessage ?? 'no message'}`,
    `event\n${JSON.stringify(requestPayload, null, 2).slice(0, 2000)}`,
    "What to do: read the function's log in CloudWatch Logs; once mended, invoke it with this event again.",
    runbookLine('handlerFailed'),
  ]);
}
