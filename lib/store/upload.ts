// Streams an archive whose length nobody knows yet. Three ways lead to a truncated object, and none is open: a source
// that fails fails the upload; a part that fails ends the source at once; and Complete names the parts, the length and
// the CRC-32 of what the source gave.

import { crc32 } from 'node:zlib';
import { OffsiteError } from '../base/errors.ts';
import { MultipartUpload, type StoredPart } from './multipart.ts';
import { archiveOutgrown, capacityOf, type PartPlan, planParts } from './part-size.ts';
import { type Part, PartCutter } from './parts.ts';
import { putObject } from './put.ts';
import type { S3Session } from './session.ts';
import { maybeStored, type Stored, type UploadOptions } from './store.ts';

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
  const cutter = new PartCutter(plan.partBytes);
  const parts = cutter.cut(chunks);
  // Aborts what is on its way when anything fails.
  const stop = new AbortController();
  const ended = whenAborted(options.signal, stop.signal);
  const next = () => Promise.race([parts.next(), ended]);
  try {
    const first = (await next()).value as Part;
    options.signal?.throwIfAborted();
    const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
    if (first.isLast) {
      const doing = `uploading ${session.url(key)}`;
      const put = { contentType: 'application/gzip', createOnly: true, doing, signal };
      return await putObject(session, key, first.bytes, put).catch((error) => {
        throw withRemains(error, maybeStored(error) ? maybeThere : undefined);
      });
    }
    const upload = await MultipartUpload.begin(session, key, signal);
    return await new Sending(session, upload, cutter, plan, signal).run(first, next, stop);
  } finally {
    stop.abort();
    // Not awaited: a source that hangs ends by its own stall limit, not by the store's failure.
    parts.return(undefined).catch(() => undefined);
  }
}

/** One upload in parts, from the first part to its object or its abort. */
class Sending {
  readonly #session: S3Session;
  readonly #upload: MultipartUpload;
  readonly #cutter: PartCutter;
  readonly #plan: PartPlan;
  readonly #signal: AbortSignal;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #stored: StoredPart[] = [];
  readonly #failed = Promise.withResolvers<never>();
  #isCompleting = false;
  #givenBytes = 0;
  #crc32 = 0;

  constructor(
    session: S3Session,
    upload: MultipartUpload,
    cutter: PartCutter,
    plan: PartPlan,
    signal: AbortSignal,
  ) {
    this.#session = session;
    this.#upload = upload;
    this.#cutter = cutter;
    this.#plan = plan;
    this.#signal = signal;
    this.#failed.promise.catch(() => undefined);
  }

  async run(first: Part, next: () => Promise<IteratorResult<Part>>, stop: AbortController): Promise<Stored> {
    try {
      for (let part = first; ; ) {
        this.#accept(part);
        this.#launch(part);
        if (part.isLast) break;
        while (this.#inFlight.size >= this.#plan.partsInFlight) {
          await Promise.race([...this.#inFlight, this.#failed.promise]);
        }
        part = (await Promise.race([next(), this.#failed.promise])).value;
      }
      await Promise.race([Promise.all(this.#inFlight), this.#failed.promise]);
      this.#signal.throwIfAborted();
      return await this.#complete();
    } catch (error) {
      stop.abort();
      await Promise.allSettled(this.#inFlight);
      const remains = await this.#upload.abort();
      throw withRemains(error, this.#isCompleting && maybeStored(error) ? maybeThere : remains);
    }
  }

  #accept({ number, bytes }: Part): void {
    this.#givenBytes += bytes.length;
    this.#crc32 = crc32(bytes, this.#crc32);
    const limits = this.#session.provider.parts;
    if (number <= limits.maxParts && this.#givenBytes <= limits.maxArchiveBytes) return;
    throw archiveOutgrown(this.#givenBytes - bytes.length, this.#plan, limits);
  }

  #launch(part: Part): void {
    const sending = this.#upload
      .send(part, this.#signal)
      .then((stored) => {
        this.#stored.push(stored);
        this.#cutter.release(part);
      })
      .catch(this.#failed.reject)
      .finally(() => this.#inFlight.delete(sending));
    this.#inFlight.add(sending);
  }

  #complete(): Promise<Stored> {
    const parts = this.#stored.toSorted((one, other) => one.PartNumber - other.PartNumber);
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    const inOrder = parts.every(({ PartNumber }, index) => PartNumber === index + 1);
    if (!inOrder || bytes !== this.#givenBytes) {
      throw new OffsiteError('STORE_FAILED', 'the store did not acknowledge every byte', {
        expected: `${this.#givenBytes} bytes in parts`,
        found: `${bytes} in ${parts.length}`,
        hint: 'the upload was aborted; run again',
      });
    }
    this.#isCompleting = true;
    return this.#upload.complete(parts, { crc32: this.#crc32, bytes }, this.#signal);
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

/** Rejects with the signal's reason; never resolves. */
function whenAborted(signal: AbortSignal | undefined, done: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  signal?.addEventListener('abort', () => reject(signal.reason), { once: true, signal: done });
  return promise;
}

const maybeThere =
  'the archive may be there all the same, without manifest: it does not count, and expire removes it';

function withRemains(error: unknown, remains: string | undefined): unknown {
  if (!(error instanceof OffsiteError) || remains === undefined) return error;
  const { code, message, expected, found, hint, exitCode } = error;
  const parts = { expected, found, hint: `${hint}; ${remains}`, cause: error, exitCode };
  return new OffsiteError(code, message, parts);
}
