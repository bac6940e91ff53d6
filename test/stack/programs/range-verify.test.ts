// The state machine of the template: what it does with what, and what becomes of its failures.

import { expect, test } from 'vitest';
import { plain, synthesize } from '../synthesized.ts';

const { byName, template } = synthesize();

const { id, properties } = byName('AWS::StepFunctions::StateMachine', 'HandlersRangesStateMachine');
const definition = JSON.parse(plain(properties.DefinitionString));
const job = {
  'id.$': '$.id',
  'versionId.$': '$.versionId',
  'etag.$': '$.etag',
  'run.$': '$.run',
  'limits.$': '$.limits',
};
const Retry = [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 20, MaxAttempts: 5 }];

test('every range is read, several side by side, each by its own long-lived child; what they answer is dropped', () => {
  expect(definition.StartAt).toBe('ReadRanges');
  expect(definition.States.ReadRanges).toEqual({
    Type: 'Map',
    ItemsPath: '$.ranges',
    ItemSelector: { ...job, 'index.$': '$$.Map.Item.Value', again: false },
    MaxConcurrency: 20,
    ItemProcessor: {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
      StartAt: 'ReadRange',
      States: { ReadRange: { Type: 'Task', Resource: 'HandlersReadRangeFunction', Retry, End: true } },
    },
    ResultPath: null,
    Next: 'JoinRanges',
  });
});

test('they are joined, and read again one by one as long as the join asks for it', () => {
  const { JoinRanges, IsJoined, ReadAgain, Verified } = definition.States;
  expect(JoinRanges).toEqual({
    Type: 'Task',
    Resource: 'HandlersJoinRangesFunction',
    Parameters: { ...job, 'startedAt.$': '$$.Execution.StartTime' },
    ResultPath: '$.joined',
    Retry,
    Next: 'IsJoined',
  });
  expect(IsJoined).toEqual({
    Type: 'Choice',
    Choices: [{ Variable: '$.joined.again', IsPresent: true, Next: 'ReadAgain' }],
    Default: 'Verified',
  });
  expect(ReadAgain).toEqual({
    Type: 'Task',
    Resource: 'HandlersReadRangeFunction',
    Parameters: { ...job, 'index.$': '$.joined.again', again: true },
    ResultPath: null,
    Retry,
    Next: 'JoinRanges',
  });
  expect(Verified).toEqual({ Type: 'Succeed' });
  expect(Object.keys(definition.States)).toHaveLength(5);
});

test('it ends after two days at the latest, and logs every step', () => {
  expect(definition.TimeoutSeconds).toBe(2 * 24 * 3600);
  expect(properties.LoggingConfiguration).toMatchObject({ Level: 'ALL' });
  template.resourceCountIs('AWS::StepFunctions::StateMachine', 1);
});

test('one that does not succeed is told by report, or kept among the dead letters', () => {
  const { properties: rule } = byName('AWS::Events::Rule', 'HandlersRangesEnded');
  expect(rule.EventPattern).toEqual({
    source: ['aws.states'],
    'detail-type': ['Step Functions Execution Status Change'],
    detail: { stateMachineArn: [{ Ref: id }], status: ['FAILED', 'TIMED_OUT', 'ABORTED'] },
  });
  const [target] = rule.Targets as unknown as { Arn: unknown; DeadLetterConfig: { Arn: unknown } }[];
  expect(plain(target?.Arn)).toBe('HandlersReportFunction');
  expect(plain(target?.DeadLetterConfig.Arn)).toBe('DeadLetters');
});
