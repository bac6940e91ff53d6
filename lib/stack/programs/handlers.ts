// The functions, each with what it is told and what it may do. A function that fails for good hands its event to `report`,
// which mails it: a failure is told once, with all that it takes to hand the event in again. What cannot be told like
// that, because `report` itself fails or an event finds no function, lies in the dead letters, and an alarm tells of those.

import { Duration, RemovalPolicy, Tokenization } from 'aws-cdk-lib';
import { type PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { IDestination, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LambdaDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Deployment } from '../../deployment/deployment.ts';
import { keeping, environmentNames as names } from '../../deployment/environment.ts';
import {
  expirePermissions,
  joinRangesPermissions,
  launchPermissions,
  permit,
  type Reach,
  readRangePermissions,
  reportPermissions,
  startPermissions,
  verifyPermissions,
  watchPermissions,
} from '../access/identities.ts';
import { acknowledgePatterns } from '../access/nag.ts';
import { ownService, runTask } from '../access/statements.ts';
import { createFunction } from './create-function.ts';
import { RangeVerify } from './range-verify.ts';
import type { RestoreTask } from './restore-task.ts';
import { addTriggers, VerifyQueue, type VerifyQueueProps } from './triggers.ts';

export type HandlersProps = Reach & {
  readonly deployment: Deployment;
  readonly restoreTask: RestoreTask;
  /** Where events go that could be neither handled nor told of. */
  readonly deadLetters: IQueue;
  /** What these archives are called in CloudWatch. */
  readonly service: string;
};

type FunctionParts = {
  readonly environment: Record<string, string>;
  readonly permissions: readonly PolicyStatement[];
  readonly timeout: Duration;
  readonly memoryMiB: number;
  /** Where the event goes when all attempts have failed; without it, to the dead letters. */
  readonly onFailure?: IDestination;
};

export class Handlers extends Construct {
  readonly verify: LambdaFunction;
  readonly readRange: LambdaFunction;
  readonly joinRanges: LambdaFunction;
  /** Lets both work on an archive that is too large for `verify`. */
  readonly ranges: StateMachine;
  readonly expire: LambdaFunction;
  readonly watch: LambdaFunction;
  readonly launchRestoreTest: LambdaFunction;
  readonly report: LambdaFunction;
  /** By the names of their files. */
  readonly all: Readonly<Record<string, LambdaFunction>>;
  readonly #deadLetters: IQueue;
  /** Whether a function writes figures, and what they are called. */
  readonly #figures: Record<string, string>;

  constructor(scope: Construct, id: string, props: HandlersProps) {
    super(scope, id);
    const { deployment, restoreTask } = props;
    this.#deadLetters = props.deadLetters;
    this.#figures = { [names.service]: props.service, [names.monitoring]: deployment.monitoring };
    const store = { [names.bucket]: props.bucket.bucketName };
    const topic = { [names.topicArn]: props.topic.topicArn };
    const { sources, recipients, expected, kept } = environmentsOf(deployment);
    const small = { timeout: Duration.minutes(1), memoryMiB: 256 };

    this.report = this.addFunction('report', {
      ...small,
      environment: { ...store, ...topic, ...recipients },
      permissions: reportPermissions(props),
    });
    const onFailure = new LambdaDestination(this.report);
    // All the time there is; 1769 MB is one whole vCPU.
    const large = { timeout: Duration.minutes(15), memoryMiB: 1769, onFailure };
    this.readRange = this.addFunction('read-range', {
      ...large,
      environment: store,
      permissions: readRangePermissions(props),
    });
    this.joinRanges = this.addFunction('join-ranges', {
      ...large,
      environment: { ...store, ...topic },
      permissions: joinRangesPermissions(props),
    });
    const rangeVerify = new RangeVerify(this, 'Ranges', this);
    this.ranges = rangeVerify.stateMachine;
    const ranges = { [names.rangesArn]: this.ranges.stateMachineArn };
    this.verify = this.addFunction('verify', {
      ...large,
      environment: { ...store, ...topic, ...ranges, ...restoreTask.verifyEnvironment },
      permissions: [
        ...verifyPermissions(props),
        ...startPermissions(this.ranges.stateMachineArn, rangeVerify.executionsArn),
        ...runTask(restoreTask.cluster, [restoreTask.verifyTaskDefinition], restoreTask.verifyTaskRoles),
      ],
    });
    this.expire = this.addFunction('expire', {
      // Reads every manifest and verdict there is.
      timeout: Duration.minutes(15),
      memoryMiB: 512,
      environment: { ...store, ...sources, ...kept },
      permissions: expirePermissions(props, deployment),
      onFailure,
    });
    this.watch = this.addFunction('watch', {
      // A month of log, a segment a second, is 2,600 requests to list.
      timeout: Duration.minutes(15),
      memoryMiB: 512,
      environment: {
        ...store,
        ...topic,
        ...recipients,
        ...sources,
        ...expected,
        [names.reportArn]: this.report.functionArn,
      },
      permissions: watchPermissions(props),
      onFailure,
    });
    this.launchRestoreTest = this.addFunction('launch-restore-test', {
      ...small,
      timeout: Duration.minutes(5),
      environment: { ...store, ...topic, ...sources, ...restoreTask.launchEnvironment },
      permissions: launchPermissions(props, restoreTask),
      onFailure,
    });
    this.all = {
      verify: this.verify,
      'read-range': this.readRange,
      'join-ranges': this.joinRanges,
      expire: this.expire,
      watch: this.watch,
      'launch-restore-test': this.launchRestoreTest,
      report: this.report,
    };
    this.addWays(props, { verifyTimeout: large.timeout, reportTimeout: small.timeout });
  }

  /** What wakes them, and how it comes to them. */
  private addWays(
    { bucket, deadLetters, restoreTask }: HandlersProps,
    timeouts: Pick<VerifyQueueProps, 'verifyTimeout' | 'reportTimeout'>,
  ): void {
    const { verify, expire, watch, launchRestoreTest, report, ranges } = this;
    const queue = new VerifyQueue(this, 'VerifyQueue', { verify, report, deadLetters, ...timeouts });
    const woken = { committed: queue.committed, expire, watch, launchRestoreTest, report, ranges };
    addTriggers(this, woken, { bucket, clusterArn: restoreTask.cluster.clusterArn, deadLetters });
  }

  private addFunction(name: string, parts: FunctionParts): LambdaFunction {
    const scope = new Construct(this, pascalCase(name));
    // An own role and log group: the ones that come by default may write to any log, and keep it for ever.
    const role = new Role(scope, 'Role', { assumedBy: ownService(scope, 'lambda.amazonaws.com') });
    const logGroup = new LogGroup(scope, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    logGroup.grantWrite(role);
    permit(role, parts.permissions);
    if (parts.onFailure !== undefined) {
      acknowledgePatterns(
        role,
        [`${this.report.functionArn}:*`],
        'Of the function that a failure is handed to: any version.',
      );
    }
    return createFunction(scope, name, {
      timeout: parts.timeout,
      memorySize: parts.memoryMiB,
      environment: { ...parts.environment, ...this.#figures },
      role,
      logGroup,
      retryAttempts: 2,
      ...(parts.onFailure ? { onFailure: parts.onFailure } : { deadLetterQueue: this.#deadLetters }),
    });
  }
}

function pascalCase(name: string): string {
  return name
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

function environmentsOf(deployment: Deployment) {
  const { sources, email, alsoNotify, freshnessHours, restoreTestDays, rpoMinutes } = deployment;
  const text = Tokenization.stringifyNumber;
  const freshness = { [names.freshnessHours]: text(freshnessHours) };
  return {
    sources: { [names.sources]: sources.join(',') },
    recipients: { [names.recipients]: [email, ...alsoNotify].join(',') },
    /** What `watch` holds the archives against. */
    expected: {
      ...freshness,
      [names.restoreTestDays]: text(restoreTestDays),
      [names.rpoMinutes]: text(rpoMinutes),
    },
    /** What `expire` keeps. */
    kept: {
      ...freshness,
      [names.lockMode]: deployment.objectLock.toUpperCase(),
      ...Object.fromEntries(keeping.map((name) => [names[name], text(deployment[name])])),
    },
  };
}
