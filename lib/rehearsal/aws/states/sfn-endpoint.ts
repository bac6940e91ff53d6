// Stands in for Step Functions' StartExecution, DescribeExecution and RedriveExecution: takes them over HTTP as the SDK sends
// them, and runs the state machine that the template has. Names are unique, as there: the same name and input is the same
// execution, and a name that was used is refused. One that is taken up again begins anew here, not where it stopped.

import * as z from 'zod';
import type { Wiring } from '../../template/wiring.ts';
import { type CallLog, Refusal } from '../aws-calls.ts';
import { executionEnded } from '../aws-events.ts';
import type { Bus } from '../bus.ts';
import { serveJson, type WorkingEndpoint, working } from '../json-endpoint.ts';
import type { LambdaHost } from '../lambda-runtime.ts';
import { execute, executionArn } from './state-machine.ts';

export type EndedExecution = {
  readonly arn: string;
  readonly name: string;
  readonly input: string;
} & ({ readonly status: 'SUCCEEDED' } | { readonly status: 'FAILED'; readonly cause: string });

export type SfnEndpoint = WorkingEndpoint<EndedExecution>;

const prefix = 'AWSStepFunctions';
const describedSchema = z.strictObject({ executionArn: z.string(), clientToken: z.string().optional() });
const requestSchema = z.strictObject({
  stateMachineArn: z.string(),
  name: z
    .string()
    .min(1)
    .max(80)
    .regex(/^[\w-]+$/),
  input: z.string(),
});

type Execution = {
  readonly request: z.infer<typeof requestSchema>;
  readonly startDate: number;
  ended?: Promise<EndedExecution>;
  status: 'RUNNING' | EndedExecution['status'];
  redriveCount: number;
};

/** Starts the stand-in on a free loopback port. */
export async function startSfnEndpoint(
  wiring: Wiring,
  lambda: LambdaHost,
  emit: Bus['emit'],
  callLog?: CallLog,
): Promise<SfnEndpoint> {
  const executions = new Map<string, Execution>();

  function begin(arn: string, execution: Execution): void {
    execution.status = 'RUNNING';
    execution.ended = runToEnd({ wiring, lambda, emit }, arn, execution);
    // Whoever waits for the executions hears of it; until then it must not end this process.
    execution.ended.catch(() => undefined);
  }

  function startExecution(body: unknown, principal: string): object {
    const parsed = requestSchema.safeParse(body);
    if (!parsed.success) throw new Refusal('ValidationException', z.prettifyError(parsed.error));
    const { stateMachineArn, name, input } = parsed.data;
    if (!wiring.stateMachines.some(({ arn }) => arn === stateMachineArn))
      throw new Refusal('StateMachineDoesNotExist', stateMachineArn);
    callLog?.note({ principal, action: 'states:StartExecution', resource: stateMachineArn, context: {} });
    const arn = executionArn(stateMachineArn, name);
    const known = executions.get(arn);
    if (known !== undefined && !(known.status === 'RUNNING' && known.request.input === input)) {
      throw new Refusal('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    }
    if (known !== undefined) return { executionArn: arn, startDate: known.startDate };
    const startDate = Date.now() / 1000;
    const started: Execution = { request: parsed.data, startDate, status: 'RUNNING', redriveCount: 0 };
    executions.set(arn, started);
    begin(arn, started);
    return { executionArn: arn, startDate };
  }

  function known(action: string, body: unknown, principal: string): [string, Execution] {
    const { executionArn: arn } = describedSchema.parse(body);
    callLog?.note({ principal, action: `states:${action}`, resource: arn, context: {} });
    const execution = executions.get(arn);
    if (execution === undefined) throw new Refusal('ExecutionDoesNotExist', arn);
    return [arn, execution];
  }

  function describeExecution(body: unknown, principal: string): object {
    const [arn, { status, startDate, request, redriveCount }] = known('DescribeExecution', body, principal);
    const redriveStatus = status === 'FAILED' ? 'REDRIVABLE' : 'NOT_REDRIVABLE';
    return { executionArn: arn, ...request, status, startDate, redriveCount, redriveStatus };
  }

  function redriveExecution(body: unknown, principal: string): object {
    const [arn, execution] = known('RedriveExecution', body, principal);
    if (execution.status !== 'FAILED') throw new Refusal('ExecutionNotRedrivable', arn);
    execution.redriveCount += 1;
    begin(arn, execution);
    return { redriveDate: Date.now() / 1000 };
  }

  const server = await serveJson({
    answers: {
      [`${prefix}.StartExecution`]: startExecution,
      [`${prefix}.DescribeExecution`]: describeExecution,
      [`${prefix}.RedriveExecution`]: redriveExecution,
    },
  });
  return working(server, () => [...executions.values()].flatMap(({ ended }) => ended ?? []));
}

/** Runs an execution, and tells of its end. */
async function runToEnd(
  { wiring, lambda, emit }: { wiring: Wiring; lambda: LambdaHost; emit: Bus['emit'] },
  arn: string,
  execution: Execution,
): Promise<EndedExecution> {
  const { stateMachineArn, name, input } = execution.request;
  const machine = wiring.stateMachines.find((one) => one.arn === stateMachineArn);
  if (machine === undefined) throw new Refusal('StateMachineDoesNotExist', stateMachineArn);
  const ended: EndedExecution = await execute(machine.definition, JSON.parse(input), {
    lambda,
    functions: wiring.functions,
  }).then(
    () => ({ arn, name, input, status: 'SUCCEEDED' }),
    (error: unknown) => ({ arn, name, input, status: 'FAILED', cause: String(error) }),
  );
  execution.status = ended.status;
  const { redriveCount } = execution;
  const startedAt = new Date(execution.startDate * 1000);
  await emit(executionEnded(wiring, { ...ended, stateMachineArn, startedAt, redriveCount }));
  return ended;
}
