// Stands in for Step Functions' StartExecution: takes it over HTTP as the SDK sends it, and runs the state machine that the
// template has. Names are unique, as there: the same name and input is the same execution, and a name that was used is
// refused.

import * as z from 'zod';
import type { Wiring } from '../../template/wiring.ts';
import { type CallLog, Refusal } from '../aws-calls.ts';
import { executionEnded } from '../aws-events.ts';
import type { Bus } from '../bus.ts';
import { serveJson } from '../json-endpoint.ts';
import type { LambdaHost } from '../lambda-runtime.ts';
import { execute, executionArn } from './state-machine.ts';

/** An execution that has ended. */
export type EndedExecution = {
  readonly arn: string;
  readonly name: string;
  readonly input: string;
} & ({ readonly status: 'SUCCEEDED' } | { readonly status: 'FAILED'; readonly cause: string });

export type SfnEndpoint = {
  readonly endpoint: string;
  /** Waits until every execution that was started has ended and its event is delivered. */
  idle(): Promise<readonly EndedExecution[]>;
  /** Idempotent. */
  stop(): Promise<void>;
};

const target = 'AWSStepFunctions.StartExecution';
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
  readonly input: string;
  readonly startDate: number;
  readonly ended: Promise<EndedExecution>;
  isRunning: boolean;
};

/** Starts the stand-in on a free loopback port. */
export async function startSfnEndpoint(
  wiring: Wiring,
  lambda: LambdaHost,
  emit: Bus['emit'],
  callLog?: CallLog,
): Promise<SfnEndpoint> {
  const executions = new Map<string, Execution>();

  function startExecution(body: unknown, principal: string): object {
    const parsed = requestSchema.safeParse(body);
    if (!parsed.success) throw new Refusal('ValidationException', z.prettifyError(parsed.error));
    const { stateMachineArn, name, input } = parsed.data;
    const machine = wiring.stateMachines.find(({ arn }) => arn === stateMachineArn);
    if (machine === undefined) throw new Refusal('StateMachineDoesNotExist', stateMachineArn);
    callLog?.note({ principal, action: 'states:StartExecution', resource: stateMachineArn, context: {} });
    const arn = executionArn(stateMachineArn, name);
    const known = executions.get(arn);
    if (known !== undefined && !(known.isRunning && known.input === input)) {
      throw new Refusal('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    }
    if (known !== undefined) return { executionArn: arn, startDate: known.startDate };
    const host = { lambda, functions: wiring.functions };
    const ended = execute(machine.definition, JSON.parse(input), host)
      .then(
        () => ({ arn, name, input, status: 'SUCCEEDED' as const }),
        (error: unknown) => ({ arn, name, input, status: 'FAILED' as const, cause: String(error) }),
      )
      .then(async (execution) => {
        started.isRunning = false;
        await emit(
          executionEnded(wiring, {
            ...execution,
            stateMachineArn,
            startedAt: new Date(started.startDate * 1000),
          }),
        );
        return execution;
      });
    // Whoever waits for the executions hears of it; until then it must not end this process.
    ended.catch(() => undefined);
    const started: Execution = { input, startDate: Date.now() / 1000, ended, isRunning: true };
    executions.set(arn, started);
    return { executionArn: arn, startDate: started.startDate };
  }

  const server = await serveJson({ target, answer: startExecution });
  const idle = () => Promise.all([...executions.values()].map(({ ended }) => ended));
  return {
    endpoint: server.endpoint,
    idle,
    async stop() {
      server.close();
      await idle().catch(() => undefined);
    },
  };
}
