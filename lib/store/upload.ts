// Streams an archive whose length nobody knows yet. Three ways lead to a truncated object, and none is open: a source
// that fails fails the upload; a part that fails ends the source at once; and Complete names the parts, the length and
// the CRC-32 of what the source gave.

import { ReadableStream } from 'node:stream/web';
import type { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { OffsiteError } from '../base/errors.ts';
import { UploadCalls } from './multipart.ts';
import { capacityOf, type PartPlan, planParts } from './part-size.ts';
import { PartSource } from './parts.ts';
import type { S3Session } from './session.ts';
import type { Stored, UploadOptions } from './store.ts';

/**
 * Streams chunks to a key that must not exist yet.
 *
 * @throws The source's error, the store's error, or the signal's reason; the upload is aborted then and no object
 *   appears. If it could not be aborted, the error's hint says what remains.
 */
export async function uploadCreateOnly(
  session: S3Session,
  key: string,
  chunks: AsyncIterable<Uint8Array>,
  options: UploadOptions,
): Promise<Stored> {
  options.signal?.throwIfAborted();
  const plan = planOf(session, options);
  const source = new PartSource(plan, session.provider.parts);
  // Aborts what is on its way when anything fails: lib-storage alone would go on, and wait for a source that hangs.
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(options.signal ? [options.signal] : [])]);
  const pieces = source.cut(chunks);
  const calls = new UploadCalls(session, key, { partBytes: plan.partBytes, source }, { stop, signal });
  const upload = new Upload({
    client: calls as unknown as S3Client,
    params: {
      Bucket: session.bucket,
      Key: key,
      Body: ReadableStream.from(untilStopped(pieces, stop, signal)),
    },
    partSize: plan.partBytes,
    queueSize: plan.partsInFlight,
    leavePartsOnError: true,
  });
  try {
    await upload.done();
    return calls.stored;
  } catch (error) {
    stop.abort(error);
    // lib-storage may say something else: what failed first is what failed.
    throw withRemains(signal.reason, await calls.abort(signal.reason));
  } finally {
    // Not awaited: a source that hangs ends by its own stall limit, not by the store's failure.
    pieces.return(undefined).catch(() => undefined);
  }
}

/** Passes pieces on, and stops everything if they fail; a source that hangs is not waited for once all is stopped. */
async function* untilStopped(
  pieces: AsyncGenerator<Buffer>,
  stop: AbortController,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => undefined);
  signal.addEventListener('abort', () => stopped.reject(signal.reason), { once: true });
  try {
    for (;;) {
      const next = await Promise.race([pieces.next(), stopped.promise]);
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    stop.abort(error);
    throw error;
  }
}

function planOf(
  { provider }: S3Session,
  { partBytes, partsInFlight, expectedBytes }: UploadOptions,
): PartPlan {
  const plan = planParts(partBytes === undefined ? expectedBytes : undefined, provider.parts);
  return {
    partBytes: partBytes ?? plan.partBytes,
    partsInFlight: partsInFlight ?? plan.partsInFlight,
    capacityBytes: partBytes === undefined ? plan.capacityBytes : capacityOf(partBytes, provider.parts),
  };
}

function withRemains(error: unknown, remains: string | undefined): unknown {
  if (!(error instanceof OffsiteError) || remains === undefined) return error;
  const hint = `${error.hint}; ${remains}`;
  return new OffsiteError(error.code, error.message, { ...error, hint, cause: error });
}
