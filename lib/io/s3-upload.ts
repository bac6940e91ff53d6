// Multipart upload of a stream whose length nobody knows yet. lib-storage does the work; this file closes the gaps
// through which a truncated object could complete: it fails the source as soon as one part fails (lib-storage's other
// workers would go on reading for hours), and it lets the upload complete only if the acknowledged parts add up to the
// bytes that the source gave.

import { Readable } from 'node:stream';
import { CompleteMultipartUploadCommand, type S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { OffsiteError } from '../core/errors.ts';
import type { Stored, UploadOptions } from './archive-store.ts';
import { storeError } from './s3-errors.ts';

type Progress = {
  givenBytes: number;
  acknowledgedBytes: number;
  /** The first cause, from the source or the store, not what it led to (an aborted request, a refused abort). */
  failure: unknown;
};

/**
 * Streams chunks to a key that must not exist yet.
 *
 * @throws The source's error, the store's error, or the signal's reason; the upload is aborted then and no object
 *   appears.
 */
export async function uploadCreateOnly(
  client: S3Client,
  bucket: string,
  key: string,
  chunks: AsyncIterable<Uint8Array>,
  options: UploadOptions,
): Promise<Stored> {
  const doing = `uploading s3://${bucket}/${key}`;
  const progress: Progress = { givenBytes: 0, acknowledgedBytes: 0, failure: undefined };
  const upload = new Upload({
    client: guarded(client, progress, doing, options.signal),
    params: {
      Bucket: bucket,
      Key: key,
      Body: Readable.from(counted(chunks, progress, options.signal), { objectMode: false }),
      ContentType: 'application/gzip',
      IfNoneMatch: '*',
    },
    partSize: options.partBytes,
    queueSize: options.partsInFlight,
  });
  try {
    const { ETag, VersionId } = await upload.done();
    return { etag: (ETag ?? '').replaceAll('"', ''), versionId: VersionId ?? null };
  } catch (error) {
    throw progress.failure ?? storeError(error, doing);
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  progress: Progress,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of chunks) {
      if (progress.failure !== undefined) throw progress.failure;
      signal?.throwIfAborted();
      progress.givenBytes += chunk.byteLength;
      yield chunk;
    }
    signal?.throwIfAborted();
  } catch (error) {
    progress.failure ??= error;
    throw error;
  }
}

/** The same client, but parts can be aborted, failures are noted, and Complete is refused if bytes are missing. */
function guarded(client: S3Client, progress: Progress, doing: string, signal?: AbortSignal): S3Client {
  const send = async (command: Parameters<S3Client['send']>[0]): Promise<unknown> => {
    if (command instanceof CompleteMultipartUploadCommand) {
      signal?.throwIfAborted();
      assertAllAcknowledged(progress);
    }
    if (!(command instanceof UploadPartCommand)) return client.send(command);
    try {
      const answer = await client.send(command, signal === undefined ? {} : { abortSignal: signal });
      progress.acknowledgedBytes += (command.input.Body as Uint8Array).byteLength;
      return answer;
    } catch (error) {
      progress.failure ??= signal?.aborted ? signal.reason : storeError(error, doing);
      throw error;
    }
  };
  return new Proxy(client, {
    get: (target, name) => (name === 'send' ? send : Reflect.get(target, name, target)),
  });
}

function assertAllAcknowledged({ givenBytes, acknowledgedBytes }: Progress): void {
  if (givenBytes === acknowledgedBytes) return;
  throw new OffsiteError('STORE_FAILED', 'the store did not acknowledge every byte', {
    expected: `${givenBytes} bytes in parts`,
    found: `${acknowledgedBytes}`,
    hint: 'the upload was aborted; run again',
  });
}
