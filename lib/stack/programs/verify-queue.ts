// The way from an archive's event to `verify`: a queue that lets two work at once. Whoever has an agent's key can store a
// thousand archives in a second; without it a thousand functions would run, and their mails would end the subscription.
// What fails for good goes on to `report`, which mails it, and what that cannot tell lies in the dead letters.

import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { type IQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

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

/** The queue, and the one of what `verify` has failed at for good. */
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
