// An object's bytes, read on from the byte reached when a connection is cut or falls silent. Reads can be repeated
// blindly, as long as the bytes are the same: each further request names the version, or the entity tag.

import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, type GetObjectCommandInput } from '@aws-sdk/client-s3';
import { changedError, describeTrouble, isAbsent, isTaken, storeError } from './errors.ts';
import { UnprovenAnswer } from './proof.ts';
import type { S3Session } from './session.ts';
import { isUnreachable, troubleOf } from './trouble.ts';

/** How often in turn it is tried, at least, without having brought a byte. */
const attemptsInVain = 5;

/** Bytes that are meant, and no others. */
export type Stretch = {
  readonly key: string;
  readonly etag: string;
  /** Null where the bucket is not versioned: then the entity tag says which bytes are meant. */
  readonly versionId: string | null;
  readonly from: number;
  /** The byte after the last; where it is not known, the body says. */
  readonly to: number | undefined;
};

/**
 * Gives a stretch of an object, whatever becomes of its connections.
 *
 * @param body - What brings the beginning of it already; else it is asked for.
 * @returns A stream to be consumed or destroyed. It fails with what {@link storeError} makes of the last failure.
 */
export function readOn(session: S3Session, stretch: Stretch, body?: Readable): Readable {
  const { key, etag, from, to } = stretch;
  const { patience } = session;
  const doing = `reading ${session.url(key)}`;
  const over = new AbortController();
  let coming = body;
  let at = from;

  async function* bytes(): AsyncGenerator<Buffer> {
    let triedInVain = 0;
    for (let inVainSince = performance.now(); ; ) {
      try {
        coming ??= await rest(session, stretch, at, over.signal);
        const before = at;
        for await (const chunk of coming as AsyncIterable<Buffer>) {
          if (to !== undefined && at + chunk.length > to) throw new UnprovenAnswer(`an end at byte ${to}`);
          at += chunk.length;
          triedInVain = 0;
          yield chunk;
          inVainSince = performance.now();
        }
        if (to === undefined || at === to) return;
        if (at === before) throw new UnprovenAnswer(`the bytes from ${at} on`);
        // A store may give less at a time than it was asked for.
        coming = undefined;
        continue;
      } catch (error) {
        coming = undefined;
        // All of it came, and only the connection's end did not.
        if (at === to) return;
        triedInVain += 1;
        const isPatient =
          triedInVain <= attemptsInVain || performance.now() - inVainSince < patience.readTroubleMs;
        if (over.signal.aborted || !isPatient || !isPassing(error)) throw readError(error);
        session.onTrouble?.(`${doing}, from byte ${at} on: ${describeTrouble(error)}`);
      }
      const pauseMs = Math.min((triedInVain - 1) * patience.firstPauseMs, patience.longestPauseMs);
      await sleep(pauseMs, undefined, { signal: over.signal });
    }
  }

  function readError(error: unknown): Error {
    if (isTaken(error) || isAbsent(error)) return changedError(session.url(key), etag);
    const of = to === undefined ? '' : ` of ${to - from}`;
    return storeError(error, doing, ` (after ${at - from}${of} bytes)`);
  }

  const stream = Readable.from(bytes(), { objectMode: false });
  stream.once('close', () => {
    over.abort();
    // Who waits for a byte does not hear of it otherwise.
    coming?.destroy();
  });
  return stream;
}

/** Asks for what follows the byte reached. @throws What the client throws; {@link UnprovenAnswer} for other bytes. */
async function rest(
  { bucket, reader }: S3Session,
  { key, etag, versionId, to }: Stretch,
  at: number,
  abortSignal: AbortSignal,
): Promise<Readable> {
  const input: GetObjectCommandInput = {
    Bucket: bucket,
    Key: key,
    ...pinned({ etag, versionId }),
    Range: rangeText(at, to),
  };
  const answer = await reader.send(new GetObjectCommand(input), { abortSignal });
  const body = answer.Body as Readable;
  if (answer.ContentRange?.startsWith(`bytes ${at}-`)) return body;
  body.destroy();
  throw new UnprovenAnswer(`the bytes from ${at} on`);
}

/** What lets a store give the bytes that are meant, or none. A version never changes. */
export function pinned({
  etag,
  versionId,
}: Pick<Stretch, 'etag' | 'versionId'>): Partial<GetObjectCommandInput> {
  return versionId === null ? { IfMatch: `"${etag}"` } : { VersionId: versionId };
}

/** A Range header's value. */
export function rangeText(from: number, to: number | undefined): string {
  return `bytes=${from}-${to === undefined ? '' : to - 1}`;
}

function isPassing(error: unknown): boolean {
  return isUnreachable(error as Error) || ['busy', 'unheard'].includes(troubleOf(error));
}
