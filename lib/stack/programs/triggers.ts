// What wakes the functions: the vault's events, the clock, and what AWS says of tasks and executions that have ended.

import { Duration } from 'aws-cdk-lib';
import { Match, Rule, type RuleProps, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction, SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { type IQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { baseBackupsPrefix } from '../../archive/base-backup-names.ts';
import { archiveSuffix, archivesPrefix, duePrefix, manifestSuffix } from '../../archive/names.ts';
import { sidecarsPrefix } from '../../sidecar/names.ts';

/** What is woken, by the names that it has in `Handlers`. */
type Woken = Readonly<
  Record<'expire' | 'watch' | 'launchRestoreTest' | 'report', IFunction> & {
    /** On the way to `verify`. */
    committed: IQueue;
    ranges: StateMachine;
  }
>;

/** Where events come from, and where those go that could not be delivered. */
type Origins = { readonly bucket: IBucket; readonly clusterArn: string; readonly deadLetters: IQueue };

export function addTriggers(scope: Construct, woken: Woken, origins: Origins): void {
  const { bucket, clusterArn, deadLetters } = origins;
  const rule = (
    id: string,
    to: IFunction | IQueue | readonly IFunction[],
    description: string,
    when: Pick<RuleProps, 'eventPattern' | 'schedule'>,
  ) => {
    const delivery = { retryAttempts: 3, deadLetterQueue: deadLetters };
    const targets = [to]
      .flat()
      .map((target) =>
        'queueArn' in target ? new SqsQueue(target, delivery) : new LambdaFunction(target, delivery),
      );
    new Rule(scope, id, { description, ...when, targets });
  };
  rule('Committed', woken.committed, 'An archive is complete, overwritten, or due to be read again', {
    eventPattern: {
      source: ['aws.s3'],
      detailType: ['Object Created'],
      detail: {
        bucket: { name: [bucket.bucketName] },
        object: {
          key: Match.anyOf(
            ...[archivesPrefix, sidecarsPrefix, baseBackupsPrefix].map((prefix) =>
              Match.wildcard(`${prefix}*${manifestSuffix}`),
            ),
            // An archive's first bytes, too: only the vault knows whether they lie over others.
            Match.wildcard(`${archivesPrefix}*${archiveSuffix}`),
            Match.prefix(duePrefix),
          ),
        },
      },
    },
  });
  rule('Daily', woken.expire, 'Retention, daily', { schedule: Schedule.cron({ hour: '6', minute: '0' }) });
  rule('Hourly', woken.watch, 'Freshness, hourly', { schedule: Schedule.cron({ minute: '0' }) });
  rule('RestoreTests', woken.launchRestoreTest, 'Restore tests: whose turn is it in this quarter, daily', {
    schedule: Schedule.cron({ hour: '7', minute: '0' }),
  });
  rule('RangesEnded', woken.report, 'An archive could not be verified in ranges', {
    eventPattern: {
      source: ['aws.states'],
      detailType: ['Step Functions Execution Status Change'],
      detail: {
        stateMachineArn: [woken.ranges.stateMachineArn],
        status: ['FAILED', 'TIMED_OUT', 'ABORTED'],
      },
    },
  });
  // The second is for a test that did not start: taken down with a volume that ECS may not delete, it never stops.
  rule(
    'TaskStopped',
    [woken.report, woken.launchRestoreTest],
    'A restore test has stopped, by itself or not',
    {
      eventPattern: {
        source: ['aws.ecs'],
        detailType: ['ECS Task State Change'],
        detail: { clusterArn: [clusterArn], lastStatus: ['STOPPED', 'DEPROVISIONING'] },
      },
    },
  );
}

/** The least that AWS takes. An account may run ten functions at once when it is new, and the others want to run too. */
const atOnce = 2;

/** As often as an event that comes without a queue. */
const attempts = 3;

export type VerifyQueueProps = {
  readonly verify: IFunction;
  readonly report: IFunction;
  /** How long each may take. */
  readonly verifyTimeout: Duration;
  readonly reportTimeout: Duration;
  readonly deadLetters: IQueue;
};

/**
 * The way from an archive's event to `verify`: a queue that lets two work at once. Whoever has an agent's key can store a thousand
 * archives in a second; without it a thousand functions would run, and their mails would end the subscription. What fails for good
 * goes on to `report`, which mails it, and what that cannot tell lies in the dead letters.
 */
export class VerifyQueue extends Construct {
  /** Where the events go. */
  readonly committed: Queue;
  readonly failed: Queue;

  constructor(scope: Construct, id: string, props: VerifyQueueProps) {
    super(scope, id);
    this.failed = this.addQueue('Failed', props.reportTimeout, props.deadLetters);
    this.committed = this.addQueue('Committed', props.verifyTimeout, this.failed);
    // One at a time: an archive may take all the time that a function has.
    props.verify.addEventSource(sourceOf(this.committed, 1));
    props.report.addEventSource(sourceOf(this.failed, 10));
  }

  private addQueue(id: string, timeout: Duration, deadLetters: IQueue): Queue {
    return new Queue(this, id, {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      // Six times what the function may take, as AWS asks: then no message is handed out while it is worked on.
      visibilityTimeout: Duration.seconds(6 * timeout.toSeconds()),
      deadLetterQueue: { queue: deadLetters, maxReceiveCount: attempts },
    });
  }
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html */
function sourceOf(queue: IQueue, batchSize: number): SqsEventSource {
  return new SqsEventSource(queue, { batchSize, maxConcurrency: atOnce, reportBatchItemFailures: true });
}
