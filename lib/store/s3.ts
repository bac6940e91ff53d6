// The archive store on S3 and what speaks its language.

import {
  DeleteObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import { bareEtag } from './checksums.ts';
import { storeError } from './errors.ts';
import { persistRead } from './persist.ts';
import { proof } from './proof.ts';
import { putObject } from './put.ts';
import { openObject, openRange } from './read.ts';
import { openSession, type S3Location, type S3Session } from './session.ts';
import type { ArchiveStore, Stored, StoredObject, StoredText } from './store.ts';
import { uploadCreateOnly } from './upload.ts';

export type { S3Location } from './session.ts';

/** Opens the store in a bucket; no request is made before the first call. */
export function createS3Store(location: S3Location): ArchiveStore {
  const session = openSession(location);
  const open: ArchiveStore['open'] = (key, versionId, reading) =>
    openObject(session, key, versionId, reading);

  function put(key: string, text: string, createOnly: boolean, signal?: AbortSignal): Promise<Stored> {
    const contentType = contentTypeOf(key);
    const options = { contentType, createOnly, doing: `writing ${session.url(key)}`, signal };
    return putObject(session, key, Buffer.from(text), options);
  }

  return {
    async *list(prefix, after): AsyncGenerator<StoredObject> {
      for await (const { Contents = [] } of pagesOf(session, { Prefix: prefix, StartAfter: after })) {
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
      for await (const { CommonPrefixes = [] } of pagesOf(session, { Prefix: prefix, Delimiter: '/' })) {
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

function contentTypeOf(key: string): string {
  if (key.endsWith('.html')) return 'text/html; charset=utf-8';
  return key.endsWith('.txt') ? 'text/plain; charset=utf-8' : 'application/json';
}

async function* pagesOf(
  session: S3Session,
  query: Omit<ListObjectsV2CommandInput, 'Bucket'> & { readonly Prefix: string },
): AsyncGenerator<ListObjectsV2CommandOutput> {
  const doing = `listing ${session.url(query.Prefix)}`;
  const input = { Bucket: session.bucket, ...query };
  try {
    do {
      const page = await persistRead(session, doing, () =>
        session.reader.send(new ListObjectsV2Command(input)),
      );
      proof(page.IsTruncated, 'a listing');
      yield page;
      input.ContinuationToken = page.NextContinuationToken;
    } while (input.ContinuationToken !== undefined);
  } catch (error) {
    throw storeError(error, doing);
  }
}
