// The archive store on S3 and what speaks its language.

import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  type ListObjectsV2CommandOutput,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { bareEtag } from './checksums.ts';
import { changedError, isAbsent, isBeyondEnd, isTaken, storeError } from './errors.ts';
import { proof } from './proof.ts';
import { putObject } from './put.ts';
import { readOn } from './read-on.ts';
import { openSession, type S3Location, type S3Session } from './session.ts';
import type { ArchiveStore, ByteRange, OpenObject, Stored, StoredObject, StoredText } from './store.ts';
import { uploadCreateOnly } from './upload.ts';

export type { S3Location } from './session.ts';

/** Opens the store in a bucket; no request is made before the first call. */
export function createS3Store(location: S3Location): ArchiveStore {
  const session = openSession(location);
  const open = (key: string, versionId?: string | null) => openObject(session, key, versionId);

  function put(key: string, text: string, createOnly: boolean, signal?: AbortSignal): Promise<Stored> {
    const contentType = key.endsWith('.html') ? 'text/html; charset=utf-8' : 'application/json';
    const options = { contentType, createOnly, doing: `writing ${session.url(key)}`, signal };
    return putObject(session, key, Buffer.from(text), options);
  }

  return {
    async *list(prefix): AsyncGenerator<StoredObject> {
      for await (const { Contents = [] } of pagesOf(session, prefix)) {
        for (const { Key, Size, ETag, LastModified } of Contents) {
          yield {
            key: Key ?? '',
            bytes: Size ?? 0,
            etag: bareEtag(ETag),
            storedAt: LastModified ?? new Date(0),
          };
        }
      }
    },
    async folders(prefix) {
      const names: string[] = [];
      for await (const { CommonPrefixes = [] } of pagesOf(session, prefix, '/')) {
        for (const { Prefix = '' } of CommonPrefixes) names.push(Prefix.slice(prefix.length, -1));
      }
      return names;
    },
    open,
    openRange: (key, range) => openRange(session, key, range),
    async readText(key): Promise<StoredText | undefined> {
      const opened = await open(key);
      if (opened === undefined) return undefined;
      const { body, ...rest } = opened;
      return { ...rest, text: Buffer.concat(await body.toArray()).toString('utf8') };
    },
    create: (key, text, options) => put(key, text, true, options?.signal),
    write: (key, text) => put(key, text, false),
    upload: (key, chunks, options) => uploadCreateOnly(session, key, chunks, options),
    clockAheadMs: () => session.clockAheadMs,
    async delete(key) {
      try {
        await session.reader.send(new DeleteObjectCommand({ Bucket: session.bucket, Key: key }));
      } catch (error) {
        throw storeError(error, `deleting ${session.url(key)}`);
      }
    },
  };
}

async function openObject(
  session: S3Session,
  key: string,
  versionId?: string | null,
): Promise<OpenObject | undefined> {
  const VersionId = versionId ?? undefined;
  try {
    const input = { Bucket: session.bucket, Key: key, VersionId };
    const answer = await session.reader.send(new GetObjectCommand(input));
    return { ...describeObject(answer), body: readOn(session, input, answer) };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw storeError(error, `reading ${session.url(key)}`);
  }
}

async function openRange(session: S3Session, key: string, range: ByteRange): Promise<Readable | undefined> {
  const { versionId, etag, from, to } = range;
  const Range = `bytes=${from}-${to === undefined ? '' : to - 1}`;
  // A version never changes; where there are none, the entity tag has to be asked for.
  const meant = versionId === null ? { IfMatch: `"${etag}"` } : { VersionId: versionId };
  try {
    const input = { Bucket: session.bucket, Key: key, ...meant };
    const answer = await session.reader.send(new GetObjectCommand({ ...input, Range }));
    proof(answer.ETag, 'an entity tag');
    return readOn(session, input, answer, from);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (isBeyondEnd(error)) return Readable.from([]);
    if (isTaken(error)) throw changedError(session.url(key), etag);
    throw storeError(error, `reading ${session.url(key)}`);
  }
}

async function* pagesOf(
  session: S3Session,
  Prefix: string,
  Delimiter?: string,
): AsyncGenerator<ListObjectsV2CommandOutput> {
  try {
    const query = { Bucket: session.bucket, Prefix, Delimiter };
    for await (const page of paginateListObjectsV2({ client: session.reader }, query)) {
      proof(page.IsTruncated, 'a listing');
      yield page;
    }
  } catch (error) {
    throw storeError(error, `listing ${session.url(Prefix)}`);
  }
}

function describeObject(answer: GetObjectCommandOutput): Omit<OpenObject, 'body'> {
  return {
    bytes: answer.ContentLength ?? 0,
    etag: bareEtag(proof(answer.ETag, 'an entity tag')),
    versionId: answer.VersionId ?? null,
    storedAt: answer.LastModified ?? new Date(0),
  };
}
