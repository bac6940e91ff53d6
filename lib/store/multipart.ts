// The calls of one upload. @aws-sdk/lib-storage cuts the stream, sends so many parts at once and names them at the end;
// it makes its calls through the client that it is given, and that is this one. Each call is repeated with care, can be
// stopped at any time, and is proven: Complete names the number of parts, the length and the CRC-32 of what the source
// gave. (Middleware cannot do that: it sets no signal, and the SDK's own retries go on signing with what has expired.)

import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { OffsiteError } from '../base/errors.ts';
import { freeNow } from '../base/read-blocks.ts';
import { bareEtag, checksumOf, crc32Text, etagOfParts } from './checksums.ts';
import { isTaken } from './errors.ts';
import type { PartSource } from './parts.ts';
import { persist } from './persist.ts';
import { proof, versionOf } from './proof.ts';
import { putObject } from './put.ts';
import { expectContinue, type S3Session } from './session.ts';
import { maybeStored, type Stored } from './store.ts';

type Command =
  | CreateMultipartUploadCommand
  | UploadPartCommand
  | CompleteMultipartUploadCommand
  | PutObjectCommand;

/** What lib-storage looks at in an answer. */
type Answer = { readonly UploadId?: string; readonly ETag?: string; readonly ChecksumCRC32?: string };

const maybeThere =
  'the archive may be there all the same, without manifest: it does not count, and expire removes it';

/** The client of one upload, and what became of it. */
export class UploadCalls {
  readonly config;
  readonly #session: S3Session;
  readonly #object: { readonly Bucket: string; readonly Key: string };
  readonly #partBytes: number;
  readonly #source: PartSource;
  readonly #stop: AbortController;
  readonly #signal: AbortSignal;
  readonly #doing: string;
  #uploadId: string | undefined;
  #lastNumber = 0;
  /** The last part that was cut, once it is stored: its last byte is not copied before the next is cut. */
  #spent: Buffer | undefined;
  #isStoring = false;
  #stored: Stored | undefined;

  /**
   * @param stop - Aborted with the first error: what is on its way ends, and that error is the upload's.
   * @param signal - Aborts when `stop` does, or the caller's own.
   */
  constructor(
    session: S3Session,
    key: string,
    { partBytes, source }: { readonly partBytes: number; readonly source: PartSource },
    { stop, signal }: { readonly stop: AbortController; readonly signal: AbortSignal },
  ) {
    this.#session = session;
    this.#object = { Bucket: session.bucket, Key: key };
    this.#partBytes = partBytes;
    this.#source = source;
    this.#stop = stop;
    this.#signal = signal;
    this.#doing = `uploading ${session.url(key)}`;
    this.config = {
      requestChecksumCalculation: async () => 'WHEN_REQUIRED',
      // Asked for the object's address, which nobody here wants to know.
      endpoint: async () => ({ protocol: 'https:', hostname: 'localhost', path: '/' }),
    };
  }

  /** What the store acknowledged. */
  get stored(): Stored {
    return proof(this.#stored, 'an object');
  }

  async send(command: Command): Promise<Answer> {
    try {
      if (command instanceof CreateMultipartUploadCommand) return await this.#begin();
      if (command instanceof UploadPartCommand) return await this.#sendPart(command);
      this.#isStoring = true;
      this.#stored =
        command instanceof CompleteMultipartUploadCommand
          ? await this.#complete(command.input.MultipartUpload?.Parts ?? [])
          : await this.#put(command.input.Body as Buffer);
      return {};
    } catch (error) {
      this.#stop.abort(error);
      throw error;
    }
  }

  /**
   * Begins an upload. If the answer to an attempt is lost, an upload without parts remains that nobody knows the id of;
   * the bucket's lifecycle removes it.
   */
  async #begin(): Promise<Answer> {
    const { provider, writer } = this.#session;
    const command = new CreateMultipartUploadCommand({
      ...this.#object,
      ContentType: 'application/gzip',
      ...(provider.checksums === 'crc32' ? { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } : {}),
    });
    this.#uploadId = await this.#persist(this.#doing, async () => {
      const { UploadId } = await writer.send(command, { abortSignal: this.#signal });
      return proof(UploadId, 'an upload id');
    });
    return { UploadId: this.#uploadId };
  }

  /** Stores a part; storing it again replaces it. */
  async #sendPart({ input }: UploadPartCommand): Promise<Answer> {
    const { provider, writer } = this.#session;
    const { PartNumber = 0, UploadId } = input;
    const Body = input.Body as Buffer;
    this.#lastNumber = PartNumber;
    if (this.#spent !== undefined) freeNow(this.#spent);
    this.#spent = undefined;
    const checksum = checksumOf(Body, provider);
    const answer = await this.#persist(`${this.#doing}, part ${PartNumber}`, async (attempt) => {
      const command = new UploadPartCommand({ ...this.#object, UploadId, PartNumber, Body, ...checksum });
      if (attempt > 1) {
        command.middlewareStack.add(expectContinue, { step: 'build', name: 'expectContinue' });
      }
      const { ETag } = await writer.send(command, { abortSignal: this.#signal });
      return { ETag: proof(ETag, 'an entity tag') };
    });
    if (PartNumber === this.#lastNumber) this.#spent = Body;
    else freeNow(Body);
    return 'ChecksumCRC32' in checksum ? { ...answer, ChecksumCRC32: checksum.ChecksumCRC32 } : answer;
  }

  /**
   * Makes an object of the parts.
   *
   * @throws `ARCHIVE_EXISTS` if the key is taken by another upload than this.
   */
  #complete(parts: CompletedPart[]): Promise<Stored> {
    const { provider, writer } = this.#session;
    const { bytes, crc32 } = this.#source;
    checkParts(parts, Math.ceil(bytes / this.#partBytes));
    const command = new CompleteMultipartUploadCommand({
      ...this.#object,
      UploadId: this.#uploadId,
      MultipartUpload: { Parts: parts },
      ...(provider.createOnly ? { IfNoneMatch: '*' } : {}),
      ...(provider.checksums === 'crc32'
        ? { ChecksumType: 'FULL_OBJECT', ChecksumCRC32: crc32Text(crc32), MpuObjectSize: bytes }
        : {}),
    });
    const ours: Stored = { etag: etagOfParts(parts.map(({ ETag = '' }) => ETag)), versionId: null };
    const complete = async (attempt: number): Promise<Stored> => {
      const answer = await writer.send(command, { abortSignal: this.#signal });
      const etag = bareEtag(answer.ETag);
      // Asked again, Ceph 18 says that it is done, and nothing more.
      if (etag === '' && attempt > 1) return ours;
      // Not demanded: some stores that have versions name none here.
      const versionId = versionOf(answer);
      this.#session.namesVersions ||= versionId !== null;
      return { etag: proof(etag, 'an entity tag'), versionId };
    };
    return this.#persist(this.#doing, complete, async (refusal) => {
      if (refusal.name === 'NoSuchUpload') return ours;
      return isTaken(refusal) && (await this.#wasCompleted()) ? ours : undefined;
    });
  }

  #put(body: Buffer): Promise<Stored> {
    const put = {
      contentType: 'application/gzip',
      createOnly: true,
      doing: this.#doing,
      signal: this.#signal,
    };
    return putObject(this.#session, this.#object.Key, body, put);
  }

  /**
   * Gives the upload up.
   *
   * @param error - What ended it.
   * @returns What remains, for a hint; `undefined` if nothing does.
   */
  async abort(error: unknown): Promise<string | undefined> {
    const remains = this.#uploadId === undefined ? undefined : await this.#abort(this.#uploadId);
    return this.#isStoring && maybeStored(error) ? maybeThere : remains;
  }

  async #abort(uploadId: string): Promise<string | undefined> {
    const failure = await this.#tryAbort();
    // Uploads end with their bucket.
    if (failure === undefined || ['NoSuchUpload', 'NoSuchBucket'].includes(failure.name)) return undefined;
    const { Bucket, Key } = this.#object;
    return (
      'an unfinished upload remains, and no object; the lifecycle rule of the vault removes it, or: ' +
      `aws s3api abort-multipart-upload --bucket ${Bucket} --key ${Key} --upload-id ${uploadId}`
    );
  }

  /**
   * Whether the key was taken by an earlier attempt to complete this very upload. Most stores answer a repeated Complete
   * as the first one, or with NoSuchUpload, before they look at the key; for those that look at the key first, aborting
   * tells: an upload that was completed cannot be aborted. (AWS, which answers as the first time, would accept the abort
   * for some hours all the same; there, 412 means that the object is another's.)
   *
   * @see https://github.com/adobe/S3Mock/issues/2586 (AWS repeats its answer)
   * @see https://github.com/minio/minio/issues/2250 (AWS accepts the abort of a completed upload)
   */
  async #wasCompleted(): Promise<boolean> {
    return (await this.#tryAbort())?.name === 'NoSuchUpload';
  }

  /** @returns What the store, or the way to it, had against it. */
  async #tryAbort(): Promise<Error | undefined> {
    const { patience, writer } = this.#session;
    const signal = AbortSignal.timeout(patience.abortMs);
    const command = new AbortMultipartUploadCommand({ ...this.#object, UploadId: this.#uploadId });
    const doing = `aborting the upload of ${this.#session.url(this.#object.Key)}`;
    try {
      const abort = () => writer.send(command, { abortSignal: signal });
      await persist(this.#session, abort, { doing, signal, troubleMs: patience.abortMs });
      return undefined;
    } catch (error) {
      return ((error as Error).cause ?? error) as Error;
    }
  }

  #persist<T>(
    doing: string,
    send: (attempt: number) => Promise<T>,
    doneEarlier?: (refusal: Error) => Promise<T | undefined>,
  ): Promise<T> {
    return persist(this.#session, send, { doing, signal: this.#signal, ...(doneEarlier && { doneEarlier }) });
  }
}

function checkParts(parts: readonly CompletedPart[], count: number): void {
  if (parts.length === count && parts.every(({ PartNumber }, index) => PartNumber === index + 1)) return;
  throw new OffsiteError('STORE_FAILED', 'the store did not acknowledge every byte', {
    expected: `parts 1 to ${count}`,
    found: parts.map(({ PartNumber }) => PartNumber).join(', '),
    hint: 'the upload was aborted; run the same command again',
  });
}
