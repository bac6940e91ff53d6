// An object's bytes, read on from the byte reached when a connection is cut or falls silent. Reads can be repeated
// blindly, as long as the bytes are the same: each further request names the version, or the entity tag.

import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  GetObjectCommand,
  type GetObjectCommandInput,
  type GetObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { changedError, isAbsent, isTaken, storeError } from './errors.ts';
import { UnprovenAnswer } from './proof.ts';
import type { S3Session } from './session.ts';
import { isUnreachable } from './trouble.ts';

/** How often a connection may fail in turn without having brought a byte. */
const attemptsInVain = 5;

/**
 * Gives the body of an answer, whatever becomes of its connection.
 *
 * @param input - What was asked for, without the range.
 * @param answer - The first answer; its version or entity tag says which bytes are meant.
 * @param from - The first byte that was asked for.
 * @returns A stream to be consumed or destroyed. It fails with what {@link storeError} makes of the last failure.
 */
export function readOn(
  session: S3Session,
  input: GetObjectCommandInput,
  answer: GetObjectCommandOutput,
  from = 0,
): Readable {
  const doing = `reading ${session.url(input.Key ?? '')}`;
  const meant = answer.VersionId === undefined ? { IfMatch: answer.ETag } : { VersionId: answer.VersionId };
  const end = answer.ContentLength === undefined ? undefined : from + answer.ContentLength;
  let body = answer.Body as Readable;

  async function* bytes(): AsyncGenerator<Buffer> {
    let at = from;
    for (let inVain = 0; ; ) {
      const before = at;
      try {
        for await (const chunk of body as AsyncIterable<Buffer>) {
          at += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        inVain = at > before ? 0 : inVain + 1;
        if (!isUnreachable(error as Error) || inVain >= attemptsInVain) {
          const of = end === undefined ? '' : ` of ${end - from}`;
          throw storeError(error, doing, ` (after ${at - from}${of} bytes)`);
        }
        session.onTrouble?.(`${doing}, from byte ${at} on: ${(error as Error).message}`);
      }
      // All of it came, and only the connection's end did not.
      if (at === end) return;
      await sleep(inVain * session.patience.firstPauseMs);
      body = await rest(at);
    }
  }

  async function rest(at: number): Promise<Readable> {
    const Range = `bytes=${at}-${end === undefined ? '' : end - 1}`;
    try {
      const again = await session.reader.send(new GetObjectCommand({ ...input, ...meant, Range }));
      if (again.ContentRange?.startsWith(`bytes ${at}-`)) return again.Body as Readable;
      (again.Body as Readable).destroy();
      throw new UnprovenAnswer(`the bytes from ${at} on`);
    } catch (error) {
      if (isTaken(error) || isAbsent(error))
        throw changedError(session.url(input.Key ?? ''), answer.ETag ?? '');
      throw storeError(error, `${doing}, from byte ${at} on,`);
    }
  }

  const stream = Readable.from(bytes(), { objectMode: false });
  // Who waits for a byte does not hear of it otherwise.
  stream.once('close', () => body.destroy());
  return stream;
}
