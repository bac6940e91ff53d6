// The deployed stack keeps the promise: events, schedules and a task, as its template wires them.

import { archiveSuffix } from '../../archive/names.ts';
import { plural } from '../../base/quantities.ts';
import { environmentNames } from '../../deployment/environment.ts';
import { objectCreatedSchema } from '../../deployment/events.ts';
import type { Launch } from '../../restore-test/launch.ts';
import type { RetentionPlan } from '../../retention/plan.ts';
import type { Delivery } from '../aws/bus.ts';
import type { EndedTask } from '../aws/ecs/ecs-endpoint.ts';
import { HandlerFailure, invoke } from '../aws/lambda-runtime.ts';
import type { Judgement, Keeper } from '../stage/keeper.ts';
import type { Cloud, Stage } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';
import { functionByRole, type Wiring } from '../template/wiring.ts';
import { onlyOne } from './evidence.ts';

type Expired = { readonly dryRun: boolean; readonly plans: readonly RetentionPlan[] };

export function createCloudKeeper(stage: Stage, { bus, ecs, host, wiring }: Cloud): Keeper {
  let woken: Delivery[] = [];
  const onSchedule = async (role: string) =>
    answerOf(await bus.fireSchedule(role, new Date()), wiring, role) as never;

  async function verify(scene: Scene): Promise<Judgement[]> {
    woken = withoutFirstBytes(await bus.announceObjects());
    scene.say(`"Object Created", ${plural(woken.length, 'time')} → verify.`);
    return woken.map((delivery) => answerOf([delivery], wiring, 'verify') as Judgement);
  }

  async function expire(scene: Scene): Promise<void> {
    const { dryRun }: Expired = await onSchedule('expire');
    scene.check('dry run', false, dryRun);
    scene.say('The daily schedule → expire.');
  }

  return {
    keepDays: Number(functionByRole(wiring, 'expire').environment[environmentNames.keepDays]),
    mails: stage.aws.mails,
    verify,
    async verifyAgain(scene) {
      scene.say('The same event once more (events come twice): nothing is done again.');
      const { event } = onlyOne(woken);
      return answerOf(await bus.emit(event as never), wiring, 'verify') as Judgement;
    },
    async planExpiry(scene) {
      scene.command(`aws lambda invoke --function-name …Expire… --payload '{"dryRun":true}'`);
      const invocation = await invoke(host, functionByRole(wiring, 'expire'), { dryRun: true });
      if (invocation.outcome === 'failed')
        throw new HandlerFailure(`expire failed: ${invocation.error.errorMessage}`, invocation.logs);
      return (invocation.payload as Expired).plans;
    },
    expire,
    async restoreTest(scene, id) {
      const { launches }: { launches: Launch[] } = await onSchedule('launch-restore-test');
      const launch = onlyOne(launches);
      if ('refused' in launch) throw new Error(`the launcher refused: ${launch.refused}`);
      const { cpu, memoryMib, ephemeralStorageGib } = launch.size;
      scene.check('archive under test', id, launch.archiveId);
      scene.say(
        `The daily schedule, in a quarter without a passed test → launch-restore-test → RunTask for ${launch.archiveId}: ${cpu / 1024} vCPU, ` +
          `${memoryMib / 1024} GiB of memory, ${ephemeralStorageGib} GiB of disk. (ECS is a stand-in here: it checks the ` +
          `request against the template and runs the program that goes into the container's image, without the image.)`,
      );
      const task = onlyOne(await ecs.idle());
      scene.command('node restore-test.cjs');
      scene.quote(task.logs);
      scene.check('exit code of the task', 0, task.exitCode);
      checkEnd(scene, wiring, task);
    },
    async watch(scene) {
      scene.say('The hourly schedule → watch.');
      const { sightings }: { sightings: never[] } = await onSchedule('watch');
      scene.check('events that nobody could handle', [], bus.deadLetters);
      return sightings;
    },
    async nextNight(scene) {
      await expire(scene);
      await verify(scene);
    },
  };
}

/** ECS tells that the task has ended: it has reported by itself, so there is nothing to add, and no other waits for its turn. */
function checkEnd(scene: Scene, wiring: Wiring, task: EndedTask): void {
  const answer = (role: string) => {
    const { arn } = functionByRole(wiring, role);
    const own = task.deliveries.filter(({ to }) => to.arn === arn);
    return answerOf(own, wiring, role);
  };
  const { subject } = answer('report') as { subject?: string };
  const { launches } = answer('launch-restore-test') as { launches: Launch[] };
  scene.check('tests that begin at its end', [], launches);
  scene.check('what report adds to a test that has reported', undefined, subject);
}

/**
 * The answer of the one function that must have been called, and no other.
 *
 * @throws {@link HandlerFailure} If it failed; Error if it was not called, or others were.
 */
function answerOf(deliveries: readonly Delivery[], wiring: Wiring, role: string): unknown {
  const failed = deliveries.find(({ invocation }) => invocation.last.outcome === 'failed');
  if (failed?.invocation.last.outcome === 'failed') {
    const { error, logs } = failed.invocation.last;
    throw new HandlerFailure(`${failed.to.logicalId} failed: ${error.errorMessage}`, logs);
  }
  const { to, invocation } = onlyOne(deliveries);
  const expected = functionByRole(wiring, role);
  if (to.arn !== expected.arn) throw new Error(`the event went to ${to.logicalId} and not to ${role}`);
  const { last } = invocation;
  if (last.outcome !== 'returned') return undefined;
  return isBatchAnswer(last.payload) ? answerInLog(last.logs) : last.payload;
}

function isBatchAnswer(payload: unknown): boolean {
  return typeof payload === 'object' && payload !== null && 'batchItemFailures' in payload;
}

/**
 * What a function has said of an event that came by a queue: Lambda takes nothing but the failures for an answer.
 *
 * @returns The fields of the answer that it gives when it is called by hand.
 */
function answerInLog(logs: string): unknown {
  const lines = logs
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes('"id"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const { id, verdict, isNew, rangeReaders } = lines.at(-1) ?? {};
  return rangeReaders === undefined ? { id, verdict, isNew } : { id, rangeReaders };
}

/** All but what an archive's own bytes woke, and came to nothing: its manifest was still to come, or its verdict is there. */
function withoutFirstBytes(deliveries: readonly Delivery[]): Delivery[] {
  return deliveries.filter(({ event, invocation }) => {
    const key = objectCreatedSchema.safeParse(event).data?.detail.object.key ?? '';
    return !key.endsWith(archiveSuffix) || invocation.last.outcome === 'failed';
  });
}
