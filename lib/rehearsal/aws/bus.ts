// EventBridge on this machine: what happens in the bucket, on the clock and in ECS, handed to whom the rules of the
// template say. What a function fails at for good goes to its failure destination and to its dead letters, as deployed.

import { availableParallelism } from 'node:os';
import { paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { eachOf } from '../../base/each-of.ts';
import { matchesPattern } from '../template/event-pattern.ts';
import {
  functionByRole,
  type LambdaFunction,
  type Queue,
  type Rule,
  type Wiring,
} from '../template/wiring.ts';
import { type AwsEvent, objectCreated, scheduled } from './aws-events.ts';
import { createQueues, type Invocations, invokeAsync } from './invocations.ts';
import type { LambdaHost } from './lambda-runtime.ts';

/** An event that reached a function, by a rule, out of a queue, or as the record of another function's failure. */
export type Delivery = {
  readonly to: LambdaFunction;
  readonly event: unknown;
  readonly invocation: Invocations;
};

export type Bus = {
  /** Hands an event to every target of every rule that matches it. */
  emit(event: AwsEvent): Promise<Delivery[]>;
  /** Tells of every object that is new or other than at the last look; most often right after something was stored. */
  announceObjects(): Promise<Delivery[]>;
  /** Lets the schedule that wakes a function come due. */
  fireSchedule(role: string, at: Date): Promise<Delivery[]>;
  /** Everything delivered so far, in the order of completion. */
  readonly deliveries: readonly Delivery[];
  /** Events that a function failed at for good, as they lie in its queue. */
  readonly deadLetters: readonly DeadLetter[];
};

export type DeadLetter = { readonly queueArn: string; readonly event: unknown };

/** Makes the bus of one deployed stack; objects that the bucket holds already are told of at the first look. */
export function createBus(wiring: Wiring, host: LambdaHost, s3: S3Client, bucket: string): Bus {
  const seen = new Map<string, string>();
  const deliveries: Delivery[] = [];
  const deadLetters: DeadLetter[] = [];
  const takeOut = createQueues(host, wiring.region);
  let sequence = 0;

  async function deliver(to: LambdaFunction, event: unknown): Promise<Delivery[]> {
    const { failure, ...invocation } = await invokeAsync(host, to, event);
    const delivery = { to, event, invocation };
    deliveries.push(delivery);
    if (failure === undefined) return [delivery];
    if (to.deadLetters !== undefined) deadLetters.push({ queueArn: to.deadLetters, event });
    if (to.onFailure === undefined) return [delivery];
    return [delivery, ...(await deliver(functionByArn(wiring, to.onFailure), failure))];
  }

  async function enqueue(queue: Queue, event: unknown): Promise<Delivery[]> {
    const to = wiring.functions.find(({ name }) => name === queue.functionName);
    if (to === undefined) {
      deadLetters.push({ queueArn: queue.arn, event });
      return [];
    }
    const delivery = { to, event, invocation: await takeOut(queue, to, event) };
    deliveries.push(delivery);
    if (delivery.invocation.last.outcome === 'returned') return [delivery];
    return [delivery, ...(await sendTo(queue.deadLetters ?? '', delivery.event))];
  }

  function sendTo(arn: string, event: unknown): Promise<Delivery[]> {
    const queue = wiring.queues.find((candidate) => candidate.arn === arn);
    return queue === undefined ? deliver(functionByArn(wiring, arn), event) : enqueue(queue, event);
  }

  async function deliverTo(rule: Rule, event: AwsEvent): Promise<Delivery[]> {
    const delivered = rule.targets.map((target) => sendTo(target.arn, target.input ?? event));
    return (await Promise.all(delivered)).flat();
  }

  async function emit(event: AwsEvent): Promise<Delivery[]> {
    const matching = wiring.rules.filter(({ pattern }) => pattern && matchesPattern(pattern, event));
    return (await Promise.all(matching.map((rule) => deliverTo(rule, event)))).flat();
  }

  return {
    deliveries,
    deadLetters,
    emit,
    async announceObjects() {
      const events: AwsEvent[] = [];
      for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: bucket })) {
        for (const { Key: key = '', Size: bytes = 0, ETag = '', LastModified } of page.Contents ?? []) {
          const etag = ETag.replaceAll('"', '');
          const createdAt = LastModified ?? new Date();
          const bytesSeen = `${etag} ${createdAt.getTime()}`;
          if (seen.get(key) === bytesSeen) continue;
          seen.set(key, bytesSeen);
          const object = { bucket, key, bytes, etag, versionId: undefined, createdAt };
          sequence += 1;
          events.push(objectCreated(wiring, object, sequence));
        }
      }
      // A bucket that does not announce its objects says nothing at all.
      return wiring.bucketAnnounces ? forEach(events, emit) : [];
    },
    async fireSchedule(role, at) {
      const fn = functionByRole(wiring, role);
      const rules = wiring.rules.filter(
        ({ schedule, targets }) => schedule && targets.some((target) => target.arn === fn.arn),
      );
      if (rules.length === 0) throw new Error(`no schedule of the template wakes ${fn.logicalId}`);
      return forEach(rules, (rule) => deliverTo(rule, scheduled(wiring, rule.arn, at)));
    },
  };
}

function functionByArn(wiring: Wiring, arn: string): LambdaFunction {
  const fn = wiring.functions.find((candidate) => candidate.arn === arn);
  if (fn === undefined) throw new Error(`the rehearsal delivers to functions and queues only, not to ${arn}`);
  return fn;
}

/** As many at once as there are cores: each is a process that computes. */
async function forEach<T, R>(items: readonly T[], act: (item: T) => Promise<R[]>): Promise<R[]> {
  return (await eachOf(items, availableParallelism(), act)).flat();
}
