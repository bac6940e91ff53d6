import { describe, expect, it } from 'vitest';
import { restoreTestExitCodes } from '../../lib/restore-task/lost-test.ts';
import { noticeMail } from '../../lib/restore-task/notices.ts';

const environment = [{ name: 'OFFSITE_ARCHIVE_ID', value: 'bitagent-2026-11-23-031500Z' }];

function taskStopped(containers: unknown[], more: Record<string, unknown> = {}) {
  return {
    'detail-type': 'ECS Task State Change',
    source: 'aws.ecs',
    time: '2026-11-23T07:10:00Z',
    detail: {
      lastStatus: 'STOPPED',
      taskArn: 'arn:aws:ecs:eu-central-1:1:task/c/1',
      containers,
      overrides: {
        containerOverrides: [
          {
            name: 'restore-test',
            environment,
          },
        ],
      },
      ...more,
    },
  };
}

const mailOf = (notice: unknown) => noticeMail(notice, 'OFFSITE_ARCHIVE_ID')?.mail;

describe('noticeMail', () => {
  it('is quiet about a task that has reported by itself', () => {
    expect(mailOf(taskStopped([{ name: 'restore-test', exitCode: 0 }]))).toBeUndefined();
    expect(
      mailOf(taskStopped([{ name: 'restore-test', exitCode: restoreTestExitCodes.failed }])),
    ).toBeUndefined();
    expect(mailOf(taskStopped([], { lastStatus: 'RUNNING' }))).toBeUndefined();
  });

  it('tells of a task that was killed, never ran, or could not report', () => {
    const killed = mailOf(taskStopped([{ name: 'restore-test', exitCode: 137, reason: 'OutOfMemoryError' }]));
    expect(killed?.subject).toBe('[offsite] RESTORE TEST FAILED: bitagent, it ran out of memory');
    expect(killed?.text).toContain('OutOfMemoryError');
    expect(killed?.text).toContain('exit code  137');
    // Node's own exit code, after an error that nobody caught.
    expect(mailOf(taskStopped([{ name: 'restore-test', exitCode: 1 }]))?.text).toContain('exit code  1');
    const never = mailOf(
      taskStopped([{ name: 'restore-test' }], {
        stopCode: 'TaskFailedToStart',
        stoppedReason: 'CannotPullContainerError',
      }),
    );
    expect(never?.text).toContain('CannotPullContainerError');
    expect(never?.text).toContain('none: the program never ran');
    expect(mailOf(taskStopped([{ name: 'restore-test', exitCode: 2 }]))).toBeDefined();
    expect(mailOf(taskStopped([]))).toBeDefined();
  });

  it('tells of a base backup whose task gave no verdict, and not of one that has', () => {
    const named = { overrides: { containerOverrides: [{ name: 'verify-base-backup', environment }] } };
    const ended = (exitCode: number, reason?: string) =>
      taskStopped([{ name: 'verify-base-backup', exitCode, reason }], named);
    expect(mailOf(ended(0))).toBeUndefined();
    for (const one of [ended(137, 'OutOfMemoryError'), ended(2), ended(20), taskStopped([], named)]) {
      const mail = mailOf(one);
      expect(mail?.subject).toMatch(/^\[offsite\] NOT VERIFIED: base backup bitagent-2026-11-23-031500Z, /);
      expect(mail?.text).toContain('tried again after the next daily retention');
    }
    expect(mailOf(ended(137, 'OutOfMemoryError'))?.subject).toContain('it ran out of memory');
  });

  it('tells of a function that failed for good, with its event', () => {
    const mail = mailOf({
      version: '1.0',
      timestamp: '2026-11-23T03:20:00.000Z',
      requestContext: {
        requestId: 'r',
        functionArn: 'arn:aws:lambda:eu-central-1:1:function:verify:$LATEST',
        condition: 'RetriesExhausted',
        approximateInvokeCount: 3,
      },
      requestPayload: { detail: { object: { key: 'archives/x' } } },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      responsePayload: { errorMessage: 'too new', errorType: 'OffsiteError' },
    });
    expect(mail?.subject).toBe('[offsite] verify FAILED');
    expect(mail?.text).toContain('OffsiteError: too new');
    expect(mail?.text).toContain('archives/x');
  });

  it('passes on what it does not know, rather than being silent', () => {
    expect(mailOf({ surprise: true })?.text).toContain('surprise');
  });
});
