// What verifies an archive that is too large for one handler: ranges of it are read side by side, then one step joins
// them. Where a range was scanned on a wrong guess, the join names it and it is read once more, so this ends at the
// latest after as many joins as there are ranges.

import { ArnFormat, Duration, Fn, Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Role } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  Choice,
  Condition,
  DefinitionBody,
  DistributedMap,
  JsonPath,
  LogLevel,
  StateMachine,
  StateMachineType,
  Succeed,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { acknowledge, acknowledgePatterns } from '../access/nag.ts';
import { ownService } from '../access/statements.ts';

export type RangeVerifyProps = { readonly readRange: IFunction; readonly joinRanges: IFunction };

type Payload = Parameters<typeof TaskInput.fromObject>[0];

/**
 * An account may run a thousand handlers at once, a new one ten, and others want to run meanwhile. A terabyte is 250
 * ranges of a minute or so: a quarter of an hour.
 */
const readersAtOnce = 20;

/** What every reader and the join are told; `lib/verify/plan.ts` says what it is. */
const job = {
  id: JsonPath.stringAt('$.id'),
  versionId: JsonPath.stringAt('$.versionId'),
  etag: JsonPath.stringAt('$.etag'),
  run: JsonPath.stringAt('$.run'),
  limits: JsonPath.objectAt('$.limits'),
};

export class RangeVerify extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, { readRange, joinRanges }: RangeVerifyProps) {
    super(scope, id);
    const readAll = new DistributedMap(this, 'ReadRanges', {
      itemsPath: '$.ranges',
      itemSelector: { ...job, index: JsonPath.numberAt('$$.Map.Item.Value'), again: false },
      maxConcurrency: readersAtOnce,
      // An express child ends after five minutes; a reader may take fifteen.
      mapExecutionType: StateMachineType.STANDARD,
      resultPath: JsonPath.DISCARD,
    }).itemProcessor(this.invoke('ReadRange', readRange));
    const join = this.invoke(
      'JoinRanges',
      joinRanges,
      { ...job, startedAt: JsonPath.stringAt('$$.Execution.StartTime') },
      '$.joined',
    );
    const readAgain = this.invoke(
      'ReadAgain',
      readRange,
      { ...job, index: JsonPath.numberAt('$.joined.again'), again: true },
      JsonPath.DISCARD,
    );
    const isAgain = Condition.isPresent('$.joined.again');
    const choice = new Choice(this, 'IsJoined')
      .when(isAgain, readAgain.next(join))
      .otherwise(new Succeed(this, 'Verified'));
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      comment: 'Offsite: verifies an archive in ranges',
      definitionBody: DefinitionBody.fromChainable(readAll.next(join).next(choice)),
      // In the worst case the ranges of a terabyte are all read again, one after the other.
      timeout: Duration.days(2),
      role: new Role(this, 'Role', { assumedBy: ownService(this, 'states.amazonaws.com') }),
      logs: { destination: this.logGroup(), level: LogLevel.ALL },
    });
    this.acknowledgeFindings([readRange, joinRanges]);
  }

  /** @param payload - Default: what the state is given. */
  private invoke(id: string, fn: IFunction, payload?: Payload, resultPath?: string): LambdaInvoke {
    const invoke = new LambdaInvoke(this, id, {
      lambdaFunction: fn,
      ...(payload === undefined ? {} : { payload: TaskInput.fromObject(payload) }),
      payloadResponseOnly: true,
      retryOnServiceExceptions: false,
      ...(resultPath && { resultPath }),
    });
    // Throttled by the account's limit, or a fault of the store: what is read again is written again.
    invoke.addRetry({ errors: ['States.ALL'], interval: Duration.seconds(20), maxAttempts: 5 });
    return invoke;
  }

  /** Under the prefix that AWS asks of what it writes: names outside of it fill the resource policy of all logs. */
  private logGroup(): LogGroup {
    return new LogGroup(this, 'Logs', {
      logGroupName: `/aws/vendedlogs/states/${Names.uniqueResourceName(this, { maxLength: 100, separator: '-' })}`,
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }

  private acknowledgeFindings(functions: readonly IFunction[]): void {
    const { stateMachine } = this;
    acknowledge(stateMachine, 'SF2', 'Each step logs what it did; a trace would cost and say no more.');
    acknowledge(this, 'IAM5[Resource::*]', 'Deliveries of logs have no ARN: what AWS asks for by name.');
    const versions = functions.map(({ functionArn }) => `${functionArn}:*`);
    acknowledgePatterns(this, versions, 'Of the functions that it calls: any version.');
    const own = [this.executionsArn, this.executionsArn.replace(/:\*$/, '/*:*')];
    acknowledgePatterns(stateMachine, own, 'Its own executions, whose names are known when they begin.');
  }

  get executionsArn(): string {
    const name = Fn.select(6, Fn.split(':', this.stateMachine.stateMachineArn));
    return Stack.of(this).formatArn({
      service: 'states',
      resource: `execution:${name}:*`,
      arnFormat: ArnFormat.NO_RESOURCE_NAME,
    });
  }
}
