// The four calls of a multipart upload, each repeated with care. @aws-sdk/lib-storage is not used: it gives the same
// parameters to every call, so it cannot name the whole object's CRC-32 on Complete, which is known only by then; it
// goes on reading when a part has failed; and it takes NoSuchUpload on a repeated Complete for a failure.

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { bareEtag, checksumOf, crc32Text, etagOfParts } from './checksums.ts';
import { isTaken } from './errors.ts';
import type { Part } from './parts.ts';
import { persist } from './persist.ts';
import { expectContinue, type S3Session } from './session.ts';
import type { Stored } from './store.ts';

/** A part that the store has acknowledged. */
export type StoredPart = {
  readonly PartNumber: number;
  readonly ETag: string;
  readonly ChecksumCRC32?: string;
  readonly bytes: number;
};

/** What the whole object must be. */
export type Whole = { readonly crc32: number; readonly bytes: number };

type Target = { readonly Bucket: string; readonly Key: string; readonly UploadId: string };

/** An upload that was begun and neither completed nor aborted. */
export class MultipartUpload {
  readonly #session: S3Session;
  readonly #target: Target;
  readonly #doing: string;

  private constructor(session: S3Session, target: Target) {
    this.#session = session;
    this.#target = target;
    this.#doing = `uploading ${session.url(target.Key)}`;
  }

  /**
   * Begins an upload.
   *
   * @remarks If the answer to an attempt is lost, an upload without parts remains that nobody knows the id of; the
   *   bucket's lifecycle removes it.
   */
  static async begin(session: S3Session, key: string, signal: AbortSignal): Promise<MultipartUpload> {
    const command = new CreateMultipartUploadCommand({
      Bucket: session.bucket,
      Key: key,
      ContentType: 'application/gzip',
      ...(session.provider.checksums === 'crc32'
        ? { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' }
        : {}),
    });
    const begin = async () => {
      const { UploadId } = await session.writer.send(command, { abortSignal: signal });
      if (UploadId === undefined) throw new Error('the store named no upload');
      return UploadId;
    };
    const UploadId = await persist(session, begin, { doing: `uploading ${session.url(key)}`, signal });
    return new MultipartUpload(session, { Bucket: session.bucket, Key: key, UploadId });
  }

  /** Stores a part; storing it again replaces it. */
  send({ number, bytes }: Part, signal: AbortSignal): Promise<StoredPart> {
    const { provider, writer } = this.#session;
    const checksum = checksumOf(bytes, provider);
    const input = { ...this.#target, PartNumber: number, Body: bytes, ...checksum };
    const send = async (attempt: number): Promise<StoredPart> => {
      const command = new UploadPartCommand(input);
      if (attempt > 1) {
        command.middlewareStack.add(expectContinue, { step: 'build', name: 'expectContinue' });
      }
      const { ETag } = await writer.send(command, { abortSignal: signal });
      if (ETag === undefined) throw new Error(`the store acknowledged part ${number} without an entity tag`);
      const crc = 'ChecksumCRC32' in checksum ? { ChecksumCRC32: checksum.ChecksumCRC32 } : {};
      return { PartNumber: number, ETag, ...crc, bytes: bytes.length };
    };
    return persist(this.#session, send, { doing: `${this.#doing}, part ${number}`, signal });
  }

  /**
   * Makes an object of the parts.
   *
   * @throws `ARCHIVE_EXISTS` if the key is taken by another upload than this.
   */
  complete(parts: readonly StoredPart[], whole: Whole, signal: AbortSignal): Promise<Stored> {
    const { provider, writer } = this.#session;
    const command = new CompleteMultipartUploadCommand({
      ...this.#target,
      MultipartUpload: { Parts: parts.map(({ bytes: _, ...part }) => part) },
      ...(provider.createOnly ? { IfNoneMatch: '*' } : {}),
      ...(provider.checksums === 'crc32'
        ? { ChecksumType: 'FULL_OBJECT', ChecksumCRC32: crc32Text(whole.crc32), MpuObjectSize: whole.bytes }
        : {}),
    });
    const ours: Stored = { etag: etagOfParts(parts.map(({ ETag }) => ETag)), versionId: null };
    const complete = async (): Promise<Stored> => {
      const { ETag, VersionId } = await writer.send(command, { abortSignal: signal });
      // Asked again, Ceph 18 says that it is done, and nothing more.
      return { etag: bareEtag(ETag) || ours.etag, versionId: VersionId ?? null };
    };
    return persist(this.#session, complete, {
      doing: this.#doing,
      signal,
      doneEarlier: async (refusal) => {
        if (refusal.name === 'NoSuchUpload') return ours;
        return isTaken(refusal) && (await this.#wasCompleted()) ? ours : undefined;
      },
    });
  }

  /**
   * Gives the upload up.
   *
   * @returns What remains, for a hint; `undefined` if nothing does.
   */
  async abort(): Promise<string | undefined> {
    try {
      await this.#tryAbort();
      return undefined;
    } catch (error) {
      if ((error as Error).cause instanceof Error && isGone((error as Error).cause as Error))
        return undefined;
      const { Bucket, Key, UploadId } = this.#target;
      return (
        'an unfinished upload remains, and no object; the lifecycle rule of the vault removes it, or: ' +
        `aws s3api abort-multipart-upload --bucket ${Bucket} --key ${Key} --upload-id ${UploadId}`
      );
    }
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
    try {
      await this.#tryAbort();
      return false;
    } catch (error) {
      return ((error as Error).cause as Error | undefined)?.name === 'NoSuchUpload';
    }
  }

  async #tryAbort(): Promise<void> {
    const { patience, writer } = this.#session;
    const signal = AbortSignal.timeout(patience.abortMs);
    const abort = () => writer.send(new AbortMultipartUploadCommand(this.#target), { abortSignal: signal });
    await persist(this.#session, abort, {
      doing: `aborting the upload of ${this.#session.url(this.#target.Key)}`,
      signal,
      troubleMs: patience.abortMs,
    });
  }
}

/** Uploads end with their bucket. */
function isGone({ name }: Error): boolean {
  return name === 'NoSuchUpload' || name === 'NoSuchBucket';
}
