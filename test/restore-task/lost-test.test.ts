import { describe, expect, it } from 'vitest';
import { hasReported, lostTestMail, taskStoppedSchema } from '../../lib/restore-task/lost-test.ts';

type Container = { name?: string; exitCode?: number; reason?: string };

/** As ECS writes them. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html */
function stopped(
  container: Container,
  detail: { stopCode?: string; stoppedReason?: string } = {},
  volumeTrouble: string[] = [],
) {
  return taskStoppedSchema.parse({
    'detail-type': 'ECS Task State Change',
    time: '2026-11-23T07:10:00Z',
    detail: {
      lastStatus: 'STOPPED',
      taskArn: 'arn:aws:ecs:eu-central-1:1:task/c/1',
      containers: [{ name: 'restore-test', ...container }],
      attachments: [
        { type: 'eni', status: 'DELETED', details: [{ name: 'subnetId', value: 'subnet-1' }] },
        ...volumeTrouble.map((value) => ({
          type: 'AmazonElasticBlockStorage',
          status: 'DELETED',
          details: [
            { name: 'volumeName', value: 'scratch' },
            { name: 'statusReason', value },
          ],
        })),
      ],
      overrides: {
        containerOverrides: [
          { environment: [{ name: 'OFFSITE_ARCHIVE_ID', value: 'bitagent-2026-11-23-031500Z' }] },
        ],
      },
      ...detail,
    },
  });
}

const essential = {
  stopCode: 'EssentialContainerExited',
  stoppedReason: 'Essential container in task exited',
};
const failedToStart = (stoppedReason: string) => ({ stopCode: 'TaskFailedToStart', stoppedReason });

describe('lostTestMail', () => {
  it.each([
    [
      'AWS had no capacity for it',
      stopped(
        {},
        failedToStart(
          'Capacity is unavailable at this time. Please try again later or in a different availability zone',
        ),
      ),
    ],
    [
      'AWS had no capacity for it',
      stopped({}, failedToStart('Timeout waiting for network interface provisioning to complete.')),
    ],
    [
      'its volume could not be made',
      stopped({}, failedToStart('Task failed to start'), [
        'ECS was unable to assume the configured ECS Infrastructure Role',
      ]),
    ],
    [
      'its volume could not be made',
      stopped({}, failedToStart('Task failed to start'), ['Insufficient capacity for gp3 volumes']),
    ],
    [
      'its volume could not be made',
      stopped({}, failedToStart('CannotCreateVolumeError: could not be mounted')),
    ],
    [
      'its image could not be pulled',
      stopped(
        {},
        failedToStart(
          'CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref',
        ),
      ),
    ],
    [
      'its disk was full',
      stopped({}, failedToStart('CannotPullContainerError: write /var/lib/…: no space left on device')),
    ],
    [
      'it could not be started',
      stopped(
        {},
        failedToStart(
          'ResourceInitializationError: failed to validate logger args: The specified log group does not exist',
        ),
      ),
    ],
    [
      'it ran out of memory',
      stopped({ exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' }, essential),
    ],
    ['it was killed', stopped({ exitCode: 137 }, essential)],
    ['it could not send its own mail', stopped({ exitCode: 2 }, essential)],
    ['it ended without a word', stopped({ exitCode: 127 }, essential)],
    // Node's own, after an error that nobody caught.
    ['it ended without a word', stopped({ exitCode: 1 }, essential)],
    [
      'somebody stopped it',
      stopped({ exitCode: 137 }, { stopCode: 'UserInitiated', stoppedReason: 'Task stopped by user' }),
    ],
    [
      'AWS took its host away',
      stopped(
        { exitCode: 137 },
        { stopCode: 'TerminationNotice', stoppedReason: 'ECS is performing maintenance' },
      ),
    ],
  ])('says that %s', (what, notice) => {
    expect(hasReported(notice)).toBe(false);
    const mail = lostTestMail(notice, 'OFFSITE_ARCHIVE_ID');
    expect(mail.subject).toBe(`[offsite] RESTORE TEST FAILED: bitagent, ${what}`);
    expect(mail.text).toContain('bitagent-2026-11-23-031500Z');
    expect(mail.text).toContain('What to do: ');
    expect(mail.faults).toEqual(['restoreTestLost']);
    const reasons = [notice.detail.stoppedReason, notice.detail.attachments[1]?.details[1]?.value];
    for (const reason of reasons) if (reason) expect(mail.text.replaceAll('\n', ' ')).toContain(reason);
  });

  it('leaves alone what has reported, and what has not ended', () => {
    expect(hasReported(stopped({ exitCode: 0 }, essential))).toBe(true);
    expect(hasReported(stopped({ exitCode: 20 }, essential))).toBe(true);
    const running = stopped({});
    expect(hasReported({ ...running, detail: { ...running.detail, lastStatus: 'RUNNING' } })).toBe(true);
  });

  it('does not wait for the end of a task that did not start and is taken down: it may never come', () => {
    const during = (detail: object) => {
      const notice = stopped({}, detail);
      return { ...notice, detail: { ...notice.detail, lastStatus: 'DEPROVISIONING' } };
    };
    expect(hasReported(during(failedToStart('Task failed to start')))).toBe(false);
    expect(hasReported(during(essential))).toBe(true);
  });

  it('speaks of a task of which next to nothing is known', () => {
    const bare = taskStoppedSchema.parse({
      'detail-type': 'ECS Task State Change',
      time: '2026-11-23T07:10:00Z',
      detail: { lastStatus: 'STOPPED', taskArn: 'arn:t' },
    });
    expect(lostTestMail(bare, 'OFFSITE_ARCHIVE_ID').subject).toBe(
      '[offsite] RESTORE TEST FAILED: an unknown archive, it could not be started',
    );
  });
});

// GuardDuty's, where an account watches what runs in its tasks.
it.each(['before', 'after'])('takes no container for ours that another put %s it', (where) => {
  const notice = stopped({ exitCode: 0 }, essential);
  const guard = { name: 'aws-guardduty-agent-x1Y2z3', exitCode: 137, reason: 'CannotPullContainerError: no' };
  const withGuard = (exitCode: number) => {
    const own = { name: 'restore-test', exitCode };
    const containers = where === 'before' ? [guard, own] : [own, guard];
    return { ...notice, detail: { ...notice.detail, containers } };
  };
  expect(hasReported(withGuard(0))).toBe(true);
  expect(hasReported(withGuard(137))).toBe(false);
  expect(lostTestMail(withGuard(137), 'OFFSITE_ARCHIVE_ID').subject).toContain('it was killed');
});
