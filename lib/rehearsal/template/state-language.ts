// As much of the language of state machines as ours is written in.

import * as z from 'zod';

const retries = z.array(
  z.strictObject({
    ErrorEquals: z.tuple([z.literal('States.ALL')]),
    IntervalSeconds: z.number(),
    MaxAttempts: z.number(),
  }),
);
export const template = z.record(z.string(), z.unknown());
const after = { Next: z.string().optional(), End: z.literal(true).optional() };
const resultPath = z.string().startsWith('$.').nullable().optional();

// Strict: a state that says more than is known here would be run wrongly, and nobody would notice.
export const taskSchema = z.strictObject({
  Type: z.literal('Task'),
  Resource: z.string(),
  Parameters: template.optional(),
  ResultPath: resultPath,
  Retry: retries.optional(),
  ...after,
});
const choiceSchema = z.strictObject({
  Type: z.literal('Choice'),
  Choices: z.array(z.strictObject({ Variable: z.string(), IsPresent: z.literal(true), Next: z.string() })),
  Default: z.string(),
});
const succeedSchema = z.strictObject({ Type: z.literal('Succeed') });
const simpleSchema = z.discriminatedUnion('Type', [taskSchema, choiceSchema, succeedSchema]);
export const mapSchema = z.strictObject({
  Type: z.literal('Map'),
  ItemsPath: z.string(),
  ItemSelector: template,
  ItemProcessor: z.strictObject({
    ProcessorConfig: z.strictObject({ Mode: z.literal('DISTRIBUTED'), ExecutionType: z.literal('STANDARD') }),
    StartAt: z.string(),
    States: z.record(z.string(), simpleSchema),
  }),
  MaxConcurrency: z.number().int().positive(),
  ResultPath: resultPath,
  ...after,
});
const stateSchema = z.discriminatedUnion('Type', [taskSchema, choiceSchema, succeedSchema, mapSchema]);

export const definitionSchema = z.strictObject({
  Comment: z.string().optional(),
  StartAt: z.string(),
  States: z.record(z.string(), stateSchema),
  TimeoutSeconds: z.number(),
});

export type Definition = Pick<z.infer<typeof definitionSchema>, 'StartAt' | 'States'>;
export type State = z.infer<typeof stateSchema>;
