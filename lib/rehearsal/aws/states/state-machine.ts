// Runs a state machine of the template as Step Functions would, as far as ours goes: Map, Task, Choice and Succeed, with
// JSONPath. moto runs more of the language, but calls functions in AWS's own images only, which are not reached here.
// What it cannot stand in for: the role of the state machine, and the waiting between attempts.

import { randomUUID } from 'node:crypto';
import type * as z from 'zod';
import { eachOf } from '../../../base/each-of.ts';
import type { Definition, mapSchema, State, taskSchema, template } from '../../template/state-language.ts';
import type { LambdaFunction } from '../../template/wiring.ts';
import { HandlerFailure, invoke, type LambdaHost } from '../lambda-runtime.ts';

export type ExecutionHost = { readonly lambda: LambdaHost; readonly functions: readonly LambdaFunction[] };

/** What a state hands to the next, by way of `from`. */
type Context = {
  readonly Execution: { readonly StartTime: string };
  readonly Map?: { readonly Item: { readonly Value: unknown } };
};

/** The largest that Step Functions hands on. */
const payloadBytesMax = 262_144;

/** @throws {@link HandlerFailure} If a function failed as often as it is tried. */
export function execute(definition: Definition, input: unknown, host: ExecutionHost): Promise<unknown> {
  return run(definition, input, { Execution: { StartTime: new Date().toISOString() } }, host);
}

async function run(
  definition: Definition,
  input: unknown,
  context: Context,
  host: ExecutionHost,
): Promise<unknown> {
  let current = input;
  for (let name: string | undefined = definition.StartAt; name !== undefined; ) {
    const state: State | undefined = definition.States[name];
    if (state === undefined) throw new Error(`the state machine has no state ${name}`);
    current = await output(state, current, context, host);
    name = nextOf(state, current);
  }
  return current;
}

function nextOf(state: State, current: unknown): string | undefined {
  if (state.Type === 'Succeed') return undefined;
  if (state.Type !== 'Choice') return state.Next;
  return state.Choices.find(({ Variable }) => at(Variable, current) !== undefined)?.Next ?? state.Default;
}

async function output(state: State, input: unknown, context: Context, host: ExecutionHost): Promise<unknown> {
  if (state.Type === 'Choice' || state.Type === 'Succeed') return input;
  const result =
    state.Type === 'Task'
      ? await runTask(state, input, context, host)
      : await runMap(state, input, context, host);
  const whole = place(result, state.ResultPath, input);
  if (JSON.stringify(whole).length > payloadBytesMax || JSON.stringify(result).length > payloadBytesMax) {
    throw new Error('States.DataLimitExceeded');
  }
  return whole;
}

function place(result: unknown, path: string | null | undefined, input: unknown): unknown {
  if (path === undefined) return result;
  return path === null ? input : { ...(input as object), [path.slice(2)]: result };
}

async function runTask(
  { Resource, Parameters, Retry }: z.infer<typeof taskSchema>,
  input: unknown,
  context: Context,
  { lambda, functions }: ExecutionHost,
): Promise<unknown> {
  const fn = functions.find(({ arn }) => arn === Resource);
  if (fn === undefined)
    throw new Error(`the state machine calls ${Resource}, which is no function of the stack`);
  const event = Parameters === undefined ? input : fill(Parameters, input, context);
  const attempts = 1 + (Retry?.[0]?.MaxAttempts ?? 0);
  for (let attempt = 1; ; attempt += 1) {
    const invocation = await invoke(lambda, fn, event);
    if (invocation.outcome === 'returned') return invocation.payload;
    if (attempt >= attempts) {
      throw new HandlerFailure(`${fn.name} failed: ${invocation.error.errorMessage}`, invocation.logs);
    }
  }
}

async function runMap(
  { ItemsPath, ItemSelector, ItemProcessor, MaxConcurrency }: z.infer<typeof mapSchema>,
  input: unknown,
  context: Context,
  host: ExecutionHost,
): Promise<unknown[]> {
  const items = at(ItemsPath, input) as unknown[];
  // A child is a process that computes: no more than two, whatever the template allows.
  return eachOf(items, Math.min(MaxConcurrency, 2), (value) => {
    const own = { ...context, Map: { Item: { Value: value } } };
    return run(ItemProcessor, fill(ItemSelector, input, own), own, host);
  });
}

/** A payload template: names that end with `.$` are paths. */
function fill(payload: z.infer<typeof template>, input: unknown, context: Context): unknown {
  return Object.fromEntries(
    Object.entries(payload).map(([name, value]) => {
      if (!name.endsWith('.$')) return [name, value];
      const path = String(value);
      const found = path.startsWith('$$.') ? at(path.slice(1), context) : at(path, input);
      if (found === undefined) throw new Error(`States.ParameterPathFailure: ${path}`);
      return [name.slice(0, -2), found];
    }),
  );
}

/** What a path of names leads to. */
function at(path: string, value: unknown): unknown {
  return path
    .split('.')
    .slice(1)
    .reduce<unknown>((found, name) => (found as Record<string, unknown> | undefined)?.[name], value);
}

export function executionArn(stateMachineArn: string, name: string = randomUUID()): string {
  return `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
}
