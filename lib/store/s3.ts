// The archive store on S3 and what speaks its language.

import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { OffsiteError } from '../base/errors.ts';
import { bareEtag } from './checksums.ts';
import { isAbsent, isBeyondEnd, isTaken, storeError } from './errors.ts';
import { putObject } from './put.ts';
import { openSession, type S3Location } from './session.ts';
import type { ArchiveStore, ByteRange, OpenObject, Stored, StoredObject, StoredText } from './store.ts';
import { uploadCreateOnly } from './upload.ts';

export type { S3Location } from './session.ts';

/** Opens the store in a bucket; no request is made before the first call. */
export function createS3Store(location: S3Location): ArchiveStore {
  const { bucket } = location;
  const session = openSession(location);
  const { url } = session;

  async function open(key: string, versionId?: string | null): Promise<OpenObject | undefined> {
    const VersionId = versionId ?? undefined;
    try {
      const answer = await session.reader.send(new GetObjectCommand({ Bucket: bucket, Key: key, VersionId }));
      return { ...describeObject(answer), body: answer.Body as Readable };
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw storeError(error, `reading ${url(key)}`);
    }
  }

  async function openRange(key: string, range: ByteRange): Promise<Readable | undefined> {
    const { versionId, etag, from, to } = range;
    const Range = `bytes=${from}-${to === undefined ? '' : to - 1}`;
    // A version never changes; where there are none, the entity tag has to be asked for.
    const meant = versionId === null ? { IfMatch: `"${etag}"` } : { VersionId: versionId };
    try {
      const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range, ...meant });
      return (await session.reader.send(command)).Body as Readable;
    } catch (error) {
      if (isAbsent(error)) return undefined;
      if (isBeyondEnd(error)) return Readable.from([]);
      if (isTaken(error)) throw changed(url(key), etag);
      throw storeError(error, `reading ${url(key)}`);
    }
  }

  function put(key: string, text: string, createOnly: boolean, signal?: AbortSignal): Promise<Stored> {
    const contentType = key.endsWith('.html') ? 'text/html; charset=utf-8' : 'application/json';
    const options = { contentType, createOnly, doing: `writing ${url(key)}`, signal };
    return putObject(session, key, Buffer.from(text), options);
  }

  return {
    async *list(prefix): AsyncGenerator<StoredObject> {
      try {
        for await (const page of paginateListObjectsV2(
          { client: session.reader },
          { Bucket: bucket, Prefix: prefix },
        )) {
          for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
            yield {
              key: Key ?? '',
              bytes: Size ?? 0,
              etag: bareEtag(ETag),
              storedAt: LastModified ?? new Date(0),
            };
          }
        }
      } catch (error) {
        throw storeError(error, `listing ${url(prefix)}`);
      }
    },
    async folders(prefix) {
      const names: string[] = [];
      try {
        const query = { Bucket: bucket, Prefix: prefix, Delimiter: '/' };
        for await (const page of paginateListObjectsV2({ client: session.reader }, query)) {
          for (const { Prefix } of page.CommonPrefixes ?? [])
            names.push((Prefix ?? '').slice(prefix.length, -1));
        }
      } catch (error) {
        throw storeError(error, `listing ${url(prefix)}`);
      }
      return names;
    },
    open,
    openRange,
    async readText(key): Promise<StoredText | undefined> {
      const opened = await open(key);
      if (opened === undefined) return undefined;
      const { body, ...rest } = opened;
      return { ...rest, text: Buffer.concat(await body.toArray()).toString('utf8') };
    },
    create: (key, text, options) => put(key, text, true, options?.signal),
    write: (key, text) => put(key, text, false),
    upload: (key, chunks, options) => uploadCreateOnly(session, key, chunks, options),
    async delete(key) {
      try {
        await session.reader.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
      } catch (error) {
        throw storeError(error, `deleting ${url(key)}`);
      }
    },
  };
}

function describeObject(answer: GetObjectCommandOutput): Omit<OpenObject, 'body'> {
  return {
    bytes: answer.ContentLength ?? 0,
    etag: bareEtag(answer.ETag),
    versionId: answer.VersionId ?? null,
    storedAt: answer.LastModified ?? new Date(0),
  };
}

function changed(name: string, etag: string): OffsiteError {
  return new OffsiteError('ARCHIVE_CHANGED', `${name} is being read, and was changed meanwhile`, {
    expected: `the bytes with ETag ${etag}`,
    found: 'other bytes',
    hint: 'find out who wrote it (CloudTrail), and verify it again from the beginning',
  });
}
