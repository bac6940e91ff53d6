// A restore test, or the reading of a large base backup, that could not tell of itself: its task never began, or was ended
// before that. What is left is the notice in which ECS says that a task has stopped, or is about to.

import * as z from 'zod';
import { isArchiveId, parseArchiveId } from '../archive/names.ts';
import { formatInstant } from '../base/quantities.ts';
import { restoreTestContainer, verifyContainer } from '../deployment/environment.ts';
import { composeMail, type Mail } from '../mail/mail.ts';

export const taskStoppedSchema = z.object({
  'detail-type': z.literal('ECS Task State Change'),
  id: z.string().optional(),
  time: z.string(),
  detail: z.object({
    lastStatus: z.string(),
    stoppedReason: z.string().optional(),
    stopCode: z.string().optional(),
    taskArn: z.string(),
    containers: z
      .array(z.object({ name: z.string(), exitCode: z.number().optional(), reason: z.string().optional() }))
      .default([]),
    /** Its network interface and its volume. */
    attachments: z
      .array(
        z.object({
          details: z.array(z.object({ name: z.string(), value: z.string().nullish() })).default([]),
        }),
      )
      .default([]),
    overrides: z
      .object({
        containerOverrides: z
          .array(
            z.object({
              name: z.string().optional(),
              environment: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
            }),
          )
          .default([]),
      })
      .optional(),
  }),
});

export type TaskStopped = z.infer<typeof taskStoppedSchema>;

/**
 * How the restore test's program ends. With the first two its mail is out; with any other code somebody else has to tell.
 *
 * @remarks The second is none of Node's own, which are below 20 or above 128: it ends with 1 after an error that nobody
 *   caught, and that is no test that has reported.
 */
export const restoreTestExitCodes = { passed: 0, failed: 20, unreported: 2 } as const;

const reportedExitCodes: readonly number[] = [restoreTestExitCodes.passed, restoreTestExitCodes.failed];

type Cause = { readonly what: string; readonly advice: string };

type Evidence = {
  /** All that ECS said, in one line. */
  readonly words: string;
  /** What it said of an attachment that failed; ECS gives its `statusReason` then only. */
  readonly attachmentTrouble: string | undefined;
  readonly stopCode: string;
  readonly exitCode: number | undefined;
};

/** A test that could not be started, was lost, or has failed, is tried again so much later. */
export const retryDays = 3;

const again = `it is tried again in ${retryDays} days; sooner: by the command of the runbook's section "Restore test overdue" (docs/runbook.md)`;

/**
 * The first that fits. The volume before all: a reason of its own may speak of capacity. Disk before image: an image for
 * which there is no room says both.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshoot-ebs-volumes-scenarios.html
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
 */
const causes: readonly (Cause & { readonly fits: (evidence: Evidence) => boolean })[] = [
  {
    what: 'its volume could not be made',
    advice: `what ECS said of the volume says why. Capacity or a quota of EBS (Service Quotas, storage of gp3): ask for more, or wait an hour; a role: npx cdk deploy brings it back. Then ${again}`,
    fits: ({ attachmentTrouble, stopCode, words }) =>
      attachmentTrouble !== undefined ||
      (stopCode === 'TaskFailedToStart' &&
        /\bEBS\b|infrastructure role|CannotCreateVolume|volume attach/i.test(words)),
  },
  {
    what: 'its disk was full',
    advice:
      'the database has outgrown the disk that the task was given; restore it on a machine of your own (offsite restore-test latest), and report it',
    fits: ({ words }) => /no space left on device|disk (is )?full/i.test(words),
  },
  {
    what: 'it ran out of memory',
    advice: `the task needs more than it was given; ${again}, and if it is the same, report it`,
    fits: ({ words }) => /OutOfMemory/i.test(words),
  },
  {
    what: 'its image could not be pulled',
    advice: `look whether the image is still in ECR (npx cdk deploy brings it back) and whether the task's network reaches out, then ${again}`,
    fits: ({ words }) => /CannotPull|pull image|ImageNotFound/i.test(words),
  },
  {
    what: 'AWS had no capacity for it',
    advice: `that passes: ${again}`,
    fits: ({ words }) =>
      /capacity is unavailable|insufficient capacity|RESOURCE:|network interface provisioning/i.test(words),
  },
  {
    what: 'somebody stopped it',
    advice: `if nobody meant to, find out who did (CloudTrail: StopTask), then ${again}`,
    fits: ({ stopCode }) => stopCode === 'UserInitiated',
  },
  {
    what: 'AWS took its host away',
    advice: `that happens: ${again}`,
    fits: ({ stopCode, words }) =>
      ['TerminationNotice', 'SpotInterruption'].includes(stopCode) ||
      /retire|host.*(terminat|stopp)/i.test(words),
  },
  {
    what: 'it could not be started',
    advice: `what ECS said of it says why (log group, role, network); mend that, then ${again}`,
    fits: ({ stopCode, exitCode }) => stopCode === 'TaskFailedToStart' || exitCode === undefined,
  },
  {
    what: 'it could not send its own mail',
    advice:
      'its log says how the test ended and why the mail did not leave; its report may lie under reports/',
    fits: ({ exitCode }) => exitCode === restoreTestExitCodes.unreported,
  },
  {
    what: 'it was killed',
    advice: `its log says how far it came: out of memory or out of time, most likely; ${again}`,
    fits: ({ exitCode }) => exitCode === 137 || exitCode === 143,
  },
];

const unknownCause: Cause = {
  what: 'it ended without a word',
  advice: `look at the task's log in CloudWatch Logs, then ${again}`,
};

/** By its name: others may be in the task, as the one that GuardDuty adds, and in any order. */
function ownContainer({ containers }: TaskStopped['detail']) {
  return containers.find(({ name }) => name === restoreTestContainer || name === verifyContainer);
}

/** Whether it is the task of a base backup that was to be judged. */
function isVerification({ detail }: TaskStopped): boolean {
  const named = detail.overrides?.containerOverrides.map(({ name }) => name) ?? [];
  return named.includes(verifyContainer) || ownContainer(detail)?.name === verifyContainer;
}

/** Whether a stopped task has told of itself, or has not stopped. A verdict is told as it is given. */
export function hasReported(task: TaskStopped): boolean {
  const exitCode = ownContainer(task.detail)?.exitCode;
  const reported = isVerification(task) ? [restoreTestExitCodes.passed] : reportedExitCodes;
  return !hasEnded(task.detail) || (exitCode !== undefined && reported.includes(exitCode));
}

/**
 * Whether nothing more comes of a task.
 *
 * @remarks One that did not start is told of as it is taken down: with a volume that ECS may not delete it can remain at
 *   that, and never stop. Nobody is told twice, for the notice of its stop is about the same task.
 */
export function hasEnded({ lastStatus, stopCode }: TaskStopped['detail']): boolean {
  return lastStatus === 'STOPPED' || (lastStatus === 'DEPROVISIONING' && stopCode === 'TaskFailedToStart');
}

function archiveOf({ detail }: TaskStopped, archiveIdName: string): string {
  const environment = detail.overrides?.containerOverrides.flatMap((override) => override.environment) ?? [];
  return environment.find(({ name }) => name === archiveIdName)?.value ?? 'an unknown archive';
}

/**
 * Tells of a restore test, or of a base backup's reading, that could not tell of itself.
 *
 * @param archiveIdName - The container's variable that names the archive.
 */
export function lostTestMail(task: TaskStopped, archiveIdName: string): Mail {
  const { time, detail } = task;
  const exitCode = ownContainer(detail)?.exitCode;
  const attachmentTrouble = troubleOf(detail.attachments);
  const reasons = [detail.stoppedReason, ownContainer(detail)?.reason, attachmentTrouble];
  const words = reasons.filter(Boolean).join('; ');
  const evidence = { words, attachmentTrouble, stopCode: detail.stopCode ?? '', exitCode };
  const { what, advice } = causes.find(({ fits }) => fits(evidence)) ?? unknownCause;
  const archive = archiveOf(task, archiveIdName);
  const stopped = `stopped at ${formatInstant(new Date(time))}`;
  const said = [
    `ECS says   ${evidence.words || 'no reason'}`,
    `stop code  ${evidence.stopCode || 'none'}`,
    `exit code  ${exitCode ?? 'none: the program never ran, or its end was not seen'}`,
    `task       ${detail.taskArn}`,
  ].join('\n');
  if (isVerification(task)) {
    return composeMail(
      `[offsite] NOT VERIFIED: base backup ${archive}, ${what}`,
      [
        `The task that was to verify the base backup ${archive} ${stopped} and gave no verdict: ${what}. Whether its bytes are whole is not known by that; it counts as unverified.`,
        said,
        `What to do: nothing at once, it is tried again after the next daily retention. If it is the same then, what ECS said and the task's log in CloudWatch Logs say why; 'offsite guard' judges it on a machine of yours.`,
      ],
      'handlerFailed',
    );
  }
  const whose = isArchiveId(archive) ? parseArchiveId(archive).source : archive;
  return composeMail(
    `[offsite] RESTORE TEST FAILED: ${whose}, ${what}`,
    [
      `The task that was to restore ${archive} ${stopped} and did not report by itself: ${what}. Whether the archive can be restored is not known by that.`,
      said,
      `What to do: ${advice}.`,
    ],
    'restoreTestLost',
  );
}

function troubleOf(attachments: TaskStopped['detail']['attachments']): string | undefined {
  const reasons = attachments
    .flatMap(({ details }) => details)
    .flatMap(({ name, value }) => (name === 'statusReason' && value ? [value] : []));
  return reasons.length === 0 ? undefined : reasons.join('; ');
}
