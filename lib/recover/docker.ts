// Docker and Compose as a person would call them: a question has a limit, pulling an image a long one, and an interrupted
// command is ended. What they print may hold passwords and goes nowhere.

import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { OffsiteError } from '../base/errors.ts';
import { findProgram } from '../base/find-program.ts';
import { type ChildFailure, textOf } from '../base/process.ts';
import { formatDuration } from '../base/quantities.ts';
import { dockerError } from './docker-words.ts';

/** How long an engine may take to answer, to stop a container, and to pull images and start what waits for each other. */
const answerWithinMs = 60_000;
const startWithinMs = 60 * 60_000;

type Run = {
  /** What it does, for its error: `start postgres`. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly withinMs?: number;
  readonly errorOf?: (failure: ChildFailure) => OffsiteError;
};

/**
 * Runs docker, or docker-compose, and gives what it prints.
 *
 * @throws {@link OffsiteError} as `dockerError` says, or the signal's reason.
 */
export async function runDocker(
  [program = 'docker', ...args]: readonly string[],
  { what, signal, withinMs = answerWithinMs, errorOf }: Run,
): Promise<string> {
  const limit = new AbortController();
  const silent = new OffsiteError('CONTAINER_UNREACHABLE', `Docker does not ${what}`, {
    expected: `an answer within ${formatDuration(withinMs)}`,
    found: 'silence',
    hint: 'is the engine well? docker info; systemctl restart docker',
  });
  const timer = setTimeout(() => limit.abort(silent), withinMs).unref();
  try {
    return await textOf(
      { program, args },
      {
        errorOf: errorOf ?? ((failure) => dockerError(what, failure)),
        signal: AbortSignal.any([signal, limit.signal]),
      },
    );
  } finally {
    clearTimeout(timer);
  }
}

/** As {@link runDocker}, for what may pull an image first. */
export function startByDocker(command: readonly string[], run: Run): Promise<string> {
  return runDocker(command, { ...run, withinMs: startWithinMs });
}

/** The engine: its own id, and where it keeps its files. */
export async function lookAtEngine(
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly version: string; readonly folder: string }> {
  const format = '{{json .ID}} {{json .ServerVersion}} {{json .DockerRootDir}}';
  const words = (await runDocker(['docker', 'info', '--format', format], { what: 'answer', signal })).trim();
  const [id = '', version = '', folder = ''] = words.split(' ').map((word) => JSON.parse(word) as string);
  // An engine that is down is told by some clients as information, with exit code 0.
  if (version !== '') return { id, version, folder };
  throw dockerError('answer', {
    program: 'docker',
    exitCode: 0,
    signal: undefined,
    startError: undefined,
    stderr: 'Cannot connect to the Docker daemon',
  });
}

/**
 * Finds Compose.
 *
 * @returns How it is called, `docker compose` or `docker-compose`; `undefined` if there is none.
 */
export async function findCompose(signal: AbortSignal): Promise<readonly string[] | undefined> {
  const asked = ['docker', 'compose', 'version', '--short'];
  const isPlugin = await runDocker(asked, { what: 'run Compose', signal }).then(
    () => true,
    () => false,
  );
  signal.throwIfAborted();
  if (isPlugin) return ['docker', 'compose'];
  return findProgram('docker-compose') === undefined ? undefined : ['docker-compose'];
}

const stateSchema = z.object({
  Id: z.string(),
  State: z.object({ Running: z.boolean(), Status: z.string(), StartedAt: z.string() }),
  Config: z.object({
    Env: z.array(z.string()).nullish(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
});

export type Container = {
  readonly id: string;
  readonly isRunning: boolean;
  /** As Docker says it: `running`, `exited`, `restarting`. */
  readonly status: string;
  readonly startedAt: Date;
  /** `NAME=value`; may hold passwords. */
  readonly environment: readonly string[];
  /** Of Compose, if that made it. */
  readonly service: string | undefined;
};

/** Looks at a container. @returns `undefined` if there is none of that name or id. */
export async function lookAtContainer(name: string, signal: AbortSignal): Promise<Container | undefined> {
  const words = await runDocker(['docker', 'container', 'inspect', name], {
    what: `look at ${name}`,
    signal,
    errorOf: (failure) =>
      /no such container/i.test(failure.stderr) ? absent : dockerError(`look at ${name}`, failure),
  }).catch((error: Error) => {
    if (error === absent) return '[]';
    throw error;
  });
  const [found] = z.array(stateSchema).parse(JSON.parse(words));
  if (found === undefined) return undefined;
  const { Running, Status, StartedAt } = found.State;
  return {
    id: found.Id,
    isRunning: Running && Status === 'running',
    status: Status,
    startedAt: new Date(StartedAt),
    environment: found.Config.Env ?? [],
    service: found.Config.Labels?.['com.docker.compose.service'],
  };
}

const absent = new OffsiteError('CONTAINER_UNREACHABLE', 'there is no such container', {
  expected: 'a container',
  found: 'none',
  hint: "see 'docker ps -a'",
});

/** The last that a container wrote, for an error. */
export async function lastLog(id: string, signal: AbortSignal): Promise<string> {
  // Both streams, in their order: a shell joins them.
  const command = ['sh', '-c', 'docker logs --tail 5 "$0" 2>&1', id];
  const words = await runDocker(command, { what: 'show the log', signal }).catch(() => '');
  return words.trim().slice(-800);
}

const readyWithinMs = 10 * 60_000;
const lookEveryMs = 250;

/** Whether the server in a container takes sessions by TCP, as the image's first, temporary one does not. */
export async function isReady(id: string, user: string, signal: AbortSignal): Promise<boolean> {
  const asked = ['docker', 'exec', id, 'pg_isready', '-q', '-h', '127.0.0.1', '-U', user];
  return runDocker(asked, { what: 'ask Postgres', signal }).then(
    () => true,
    (error) => {
      signal.throwIfAborted();
      if (error instanceof OffsiteError && /executable file not found/.test(error.found))
        throw noPostgres(id, error);
      return false;
    },
  );
}

/**
 * Waits for the server in a container; one that recovers after a crash takes its time.
 *
 * @throws {@link OffsiteError} `APP_NOT_STARTED` with the last lines of its log, when it has ended or the time is over.
 */
export async function untilReady(name: string, id: string, user: string, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  while (!(await isReady(id, user, signal))) {
    const container = await lookAtContainer(id, signal);
    const hasEnded = container === undefined || /^(exited|dead|removing|restarting)$/.test(container.status);
    const isLate = performance.now() - began > readyWithinMs;
    if (hasEnded || isLate) {
      throw new OffsiteError('APP_NOT_STARTED', 'Postgres does not come up', {
        expected: `a server in ${name} that takes sessions within ${formatDuration(readyWithinMs)}`,
        found: `${container?.status ?? 'no container any more'}; its log ends:\n${await lastLog(id, signal)}`,
        hint: 'mend what its log says, and run the same command again',
      });
    }
    await sleep(lookEveryMs, undefined, { signal });
  }
}

function noPostgres(id: string, cause: OffsiteError): OffsiteError {
  return new OffsiteError('PROGRAM_MISSING', "there are no Postgres programs in the database's container", {
    expected: `pg_isready and psql in ${id.slice(0, 12)}`,
    found: cause.found,
    hint: 'is it the right one? --postgres-service NAME, or --postgres-container NAME',
    cause,
  });
}
