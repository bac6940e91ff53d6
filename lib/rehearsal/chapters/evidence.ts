// What the chapters look at to know how things went: answers of functions, objects in the vault.

import { GetObjectCommand } from '@aws-sdk/client-s3';
import { archiveSuffix } from '../../archive/names.ts';
import { objectCreatedSchema } from '../../deployment/events.ts';
import type { Delivery } from '../aws/bus.ts';
import { HandlerFailure } from '../aws/lambda-runtime.ts';
import type { Stage } from '../stage/stage.ts';
import { functionByRole, type Wiring } from '../template/wiring.ts';

/**
 * The answer of the one function that must have been called, and no other.
 *
 * @throws {@link HandlerFailure} If it failed; Error if it was not called, or others were.
 */
export function answerOf(deliveries: readonly Delivery[], wiring: Wiring, role: string): unknown {
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
export function answerInLog(logs: string): unknown {
  const lines = logs
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes('"id"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const { id, verdict, isNew, rangeReaders } = lines.at(-1) ?? {};
  return rangeReaders === undefined ? { id, verdict, isNew } : { id, rangeReaders };
}

/** All but what an archive's own bytes woke, and came to nothing: its manifest was still to come, or its verdict is there. */
export function withoutFirstBytes(deliveries: readonly Delivery[]): Delivery[] {
  return deliveries.filter(({ event, invocation }) => {
    const key = objectCreatedSchema.safeParse(event).data?.detail.object.key ?? '';
    return !key.endsWith(archiveSuffix) || invocation.last.outcome === 'failed';
  });
}

/** The only element of a list. @throws Error If there are none or several. */
export function onlyOne<T>(items: readonly T[]): T {
  if (items.length !== 1) throw new Error(`expected one delivery, found ${items.length}`);
  return items[0] as T;
}

/** Reads a JSON object of the vault. */
export async function readObject(stage: Stage, key: string): Promise<unknown> {
  return JSON.parse((await readBytes(stage, key)).toString('utf8'));
}

/** Reads an object of the vault whole. */
export async function readBytes({ s3, aws }: Stage, key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: aws.bucket, Key: key }));
  if (Body === undefined) throw new Error(`${key} is empty`);
  return Buffer.from(await Body.transformToByteArray());
}
