// The wiring of the deployed system, read from the synthesized template: which function has which bundle and
// environment, which rule hands what to whom, what the Fargate task runs. Nothing of it is said a second time here, so
// a mistake in the stack shows in the rehearsal.

import * as z from 'zod';
import type { EventPattern } from './event-pattern.ts';
import { readTaskWiring } from './task-wiring.ts';
import { bucketId, createReader, logicalIdsOf, type Reader, type Template, topicId } from './template.ts';

export type LambdaFunction = ReturnType<typeof readFunctions>[number];
export type Queue = ReturnType<typeof readQueues>[number];
export type Rule = ReturnType<typeof readRules>[number];

export type Wiring = ReturnType<typeof readWiring>;

const text = z.record(z.string(), z.string());

const functionSchema = z.object({
  Code: z.object({ S3Key: z.string() }),
  Handler: z.string(),
  Runtime: z.string(),
  Environment: z.object({ Variables: text }).optional(),
  Timeout: z.coerce.number().default(3),
  MemorySize: z.coerce.number().default(128),
  DeadLetterConfig: z.object({ TargetArn: z.string() }).optional(),
});

const invokeConfigSchema = z.object({
  FunctionName: z.string(),
  MaximumRetryAttempts: z.number().default(2),
  DestinationConfig: z.object({ OnFailure: z.object({ Destination: z.string() }).optional() }).optional(),
});

const queueSchema = z.object({
  RedrivePolicy: z.object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.number() }).optional(),
});

// Strict: a filter or a window would hand out other batches than the rehearsal does.
const eventSourceSchema = z.strictObject({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  BatchSize: z.number(),
  FunctionResponseTypes: z.tuple([z.literal('ReportBatchItemFailures')]),
  ScalingConfig: z.object({ MaximumConcurrency: z.number() }),
});

const ruleSchema = z.object({
  EventPattern: z.custom<EventPattern>().optional(),
  ScheduleExpression: z.string().optional(),
  State: z.literal('ENABLED').default('ENABLED'),
  Targets: z.array(
    // Strict: a target that transforms its input would be delivered wrongly, and nobody would notice.
    z.strictObject({
      Arn: z.string(),
      Id: z.string(),
      Input: z.string().optional(),
      RetryPolicy: z.unknown().optional(),
      DeadLetterConfig: z.unknown().optional(),
    }),
  ),
});

const subscriptionSchema = z
  .object({ TopicArn: z.string(), Protocol: z.string(), Endpoint: z.string() })
  .transform(({ TopicArn, Protocol, Endpoint }) => ({
    topicArn: TopicArn,
    protocol: Protocol,
    endpoint: Endpoint,
  }));

const bucketSchema = z.object({
  NotificationConfiguration: z
    .object({ EventBridgeConfiguration: z.object({ EventBridgeEnabled: z.boolean() }).optional() })
    .optional(),
});

/** What stands in for the stack's bucket and topic on this machine. */
export type LocalParts = { readonly bucket: string; readonly topicArn: string };

/**
 * Reads the wiring of a synthesized stack, with the local bucket and topic in the place of the stack's own.
 *
 * @throws Error If the stack has not exactly one bucket and one topic, or a part of it is of a form that cannot be
 *   rehearsed.
 */
export function readWiring(template: Template, stackName: string, local: LocalParts) {
  const [, , , region = '', account = ''] = local.topicArn.split(':');
  const physicalIds = new Map([
    [onlyOne(template, 'AWS::S3::Bucket'), bucketId(local.bucket)],
    [onlyOne(template, 'AWS::SNS::Topic'), topicId(local.topicArn)],
  ]);
  const read = createReader(template, { region, account, stackName, physicalIds });
  return {
    region,
    account,
    /** Whether the bucket tells EventBridge of new objects. */
    bucketAnnounces: read('AWS::S3::Bucket', bucketSchema).some(
      ({ properties }) =>
        properties.NotificationConfiguration?.EventBridgeConfiguration?.EventBridgeEnabled === true,
    ),
    functions: readFunctions(read),
    rules: readRules(read),
    queues: readQueues(read),
    ...readTaskWiring(read),
    subscriptions: read('AWS::SNS::Subscription', subscriptionSchema).map(({ properties }) => properties),
  };
}

/** Finds a function by what it does. @param role - As its handler's file is named: `launch-restore-test`. */
export function functionByRole(wiring: Wiring, role: string): LambdaFunction {
  const name = role.replaceAll('-', '').toLowerCase();
  const found = wiring.functions.filter(({ logicalId }) => logicalId.toLowerCase().includes(name));
  if (found.length !== 1) throw new Error(`the stack has ${found.length} functions for ${role}`);
  return found[0] as LambdaFunction;
}

function readFunctions(read: Reader) {
  const configs = new Map(
    read('AWS::Lambda::EventInvokeConfig', invokeConfigSchema).map(({ properties }) => [
      properties.FunctionName,
      properties,
    ]),
  );
  return read('AWS::Lambda::Function', functionSchema).map(({ logicalId, ref, arn, properties }) => ({
    logicalId,
    name: ref,
    arn,
    /** As Lambda has it: `index.handler`. */
    handler: properties.Handler,
    /** Object key of the code in the assets bucket. */
    codeKey: properties.Code.S3Key,
    environment: properties.Environment?.Variables ?? {},
    timeoutMs: properties.Timeout * 1000,
    memoryMiB: properties.MemorySize,
    /** Of asynchronous invocations, after the first attempt. */
    retryAttempts: configs.get(ref)?.MaximumRetryAttempts ?? 2,
    /** ARN of the destination of asynchronous invocations that failed for good. */
    onFailure: configs.get(ref)?.DestinationConfig?.OnFailure?.Destination,
    /** ARN of the queue where their events go. */
    deadLetters: properties.DeadLetterConfig?.TargetArn,
  }));
}

function readQueues(read: Reader) {
  const sources = read('AWS::Lambda::EventSourceMapping', eventSourceSchema).map(
    ({ properties }) => properties,
  );
  return read('AWS::SQS::Queue', queueSchema).map(({ arn, properties: { RedrivePolicy } }) => {
    const source = sources.find(({ EventSourceArn }) => EventSourceArn === arn);
    return {
      arn,
      /** How often a message is handed out before it goes on. */
      attempts: RedrivePolicy?.maxReceiveCount ?? Number.POSITIVE_INFINITY,
      deadLetters: RedrivePolicy?.deadLetterTargetArn,
      /** Which function takes messages out, and how many of it run at once. */
      functionName: source?.FunctionName,
      atOnce: source?.ScalingConfig.MaximumConcurrency ?? 0,
    };
  });
}

function readRules(read: Reader) {
  return read('AWS::Events::Rule', ruleSchema).map(({ logicalId, arn, properties }) => ({
    logicalId,
    arn,
    pattern: properties.EventPattern,
    /** `rate(1 hour)`, `cron(…)` */
    schedule: properties.ScheduleExpression,
    targets: properties.Targets.map(({ Arn, Input }) => ({
      arn: Arn,
      input: Input === undefined ? undefined : (JSON.parse(Input) as unknown),
    })),
  }));
}

function onlyOne(template: Template, type: string): string {
  const [logicalId, ...others] = logicalIdsOf(template, type);
  if (logicalId === undefined || others.length > 0) {
    const found = logicalId === undefined ? 'none' : [logicalId, ...others].join(', ');
    throw new Error(`one local part takes the place of ${type}, but the stack has ${found}`);
  }
  return logicalId;
}
