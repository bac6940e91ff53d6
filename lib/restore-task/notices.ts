// AWS's own notices (a task stopped, a function failed for good) as mails. They cover what the programs themselves
// could not report any more.

import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { isArchiveId, sourcePattern } from '../archive/names.ts';
import { formatInstant } from '../base/quantities.ts';
import { objectCreatedSchema } from '../deployment/events.ts';
import type { ArchiveFault } from '../mail/hour.ts';
import { composeMail, type Mail } from '../mail/mail.ts';
import { alertTestMail, alertTestSchema } from '../mail/recipients.ts';
import { hasReported, lostTestMail, taskStoppedSchema } from './lost-test.ts';

const functionFailed = z.object({
  timestamp: z.string(),
  requestContext: z.object({
    requestId: z.string().optional(),
    functionArn: z.string(),
    condition: z.string(),
    approximateInvokeCount: z.number(),
  }),
  requestPayload: z.unknown(),
  responsePayload: z
    .object({ errorMessage: z.string().optional(), errorType: z.string().optional() })
    .nullish(),
});

const executionEnded = z.object({
  'detail-type': z.literal('Step Functions Execution Status Change'),
  time: z.string(),
  detail: z.object({
    executionArn: z.string(),
    name: z.string(),
    status: z.string(),
    error: z.string().nullish(),
    cause: z.string().nullish(),
    /** How often it was taken up again. */
    redriveCount: z.number().default(0),
  }),
});

export type NoticeMail = {
  readonly isTest?: true;
  readonly mail: Mail;
  /** Names what has happened: the same for a notice that comes twice. */
  readonly occasion: string;
  /** Given if it is about an archive: of those there may be many at once. */
  readonly archive?: ArchiveFault;
};

/**
 * Makes the mail for a notice.
 *
 * @param archiveIdName - The container's variable that names the archive.
 * @returns `undefined` for a notice that needs none (a restore test that has reported by itself), and an explanation of
 *   the unknown for anything else: silence is never right here.
 */
export function noticeMail(notice: unknown, archiveIdName: string): NoticeMail | undefined {
  const task = taskStoppedSchema.safeParse(notice);
  if (task.success) {
    if (hasReported(task.data)) return undefined;
    return { mail: lostTestMail(task.data, archiveIdName), occasion: task.data.detail.taskArn };
  }
  const failure = functionFailed.safeParse(notice);
  if (failure.success) {
    const { requestContext, timestamp } = failure.data;
    const occasion = `failed-${requestContext.requestId ?? `${requestContext.functionArn}-${timestamp}`}`;
    return { mail: functionMail(failure.data), occasion };
  }
  const execution = executionEnded.safeParse(notice);
  if (execution.success) {
    const { executionArn, redriveCount } = execution.data.detail;
    // What fails again after somebody has mended it is another failure.
    const occasion = `execution-${executionArn}${redriveCount > 0 ? `-redrive-${redriveCount}` : ''}`;
    return { mail: executionMail(execution.data), occasion };
  }
  const test = alertTestSchema.safeParse(notice);
  if (test.success) {
    const occasion = `alert-test-${test.data.alertTest.id}`;
    return { isTest: true, mail: alertTestMail(test.data), occasion };
  }
  const created = objectCreatedSchema.safeParse(notice);
  if (created.success) return unverifiedNotice(created.data);
  const text = JSON.stringify(notice, null, 2) ?? 'nothing';
  const mail = composeMail(
    '[offsite] A notice that is not understood',
    ['The report function received this and does not know it:', text.slice(0, 4000)],
    'unknownNotice',
  );
  return { mail, occasion: `unknown-${crc32(text).toString(16)}` };
}

function functionMail({
  timestamp,
  requestContext,
  requestPayload,
  responsePayload,
}: z.infer<typeof functionFailed>): Mail {
  const name = requestContext.functionArn.split(':')[6] ?? requestContext.functionArn;
  return composeMail(
    `[offsite] ${name} FAILED`,
    [
      `The function ${name} failed ${requestContext.approximateInvokeCount} times, last at ${formatInstant(new Date(timestamp))}; it is not tried again. No archive is lost by that.`,
      `error  ${responsePayload?.errorType ?? requestContext.condition}: ${responsePayload?.errorMessage ?? 'no message'}`,
      `event\n${JSON.stringify(requestPayload, null, 2).slice(0, 2000)}`,
      "What to do: read the function's log in CloudWatch Logs; once mended, invoke it with this event again.",
    ],
    'handlerFailed',
  );
}

/** What `verify` has failed at for good, as its queue hands it on. */
function unverifiedNotice(event: z.infer<typeof objectCreatedSchema>): NoticeMail {
  const { key } = event.detail.object;
  const [, folder = ''] = key.split('/');
  const name = key.slice(key.lastIndexOf('/') + 1).replace(/\.(manifest\.json|sql\.gz|json)$/, '');
  const archive = isArchiveId(name) ? name : key;
  const mail = composeMail(
    `[offsite] NOT VERIFIED: ${archive}`,
    [
      `The function verify has failed each time that it was to read ${archive}; it is not tried again. The archive has no verdict, and counts as unverified.`,
      `event\n${JSON.stringify(event, null, 2).slice(0, 2000)}`,
      "What to do: read the function's log in CloudWatch Logs; once mended, invoke verify with this event.",
    ],
    'handlerFailed',
  );
  const source = sourcePattern.test(folder) ? folder : 'unknown';
  return {
    mail,
    occasion: `unverified-${key}`,
    archive: { source, archive, what: 'not verified' },
  };
}

function executionMail({ time, detail }: z.infer<typeof executionEnded>): Mail {
  // The execution's name is the archive's id, what names its bytes, and the attempt if it is not the first.
  const archive = /^.*?\d{6}Z/.exec(detail.name)?.[0] ?? detail.name;
  return composeMail(
    `[offsite] NOT VERIFIED: ${archive}, reading it in ranges ${detail.status}`,
    [
      `The archive ${archive} is read in ranges, for it is large; that ${detail.status} at ${formatInstant(new Date(time))}. It has no verdict, and counts as unverified.`,
      `error  ${detail.error ?? 'not given'}: ${(detail.cause ?? 'no cause given').slice(0, 2000)}`,
      `What to do: look at the execution's log; once mended, take it up where it stopped (within 14 days): aws stepfunctions redrive-execution --execution-arn ${detail.executionArn}`,
    ],
    'handlerFailed',
  );
}
