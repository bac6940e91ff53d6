// The archive store on S3 and what speaks its language.

import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import type { ArchiveStore, OpenObject, Stored, StoredObject, StoredText } from './archive-store.ts';
import { isAbsent, storeError } from './s3-errors.ts';
import { uploadCreateOnly } from './s3-upload.ts';

/** Where the store is; what is left out comes from the SDK's own settings (`AWS_REGION`, `AWS_ENDPOINT_URL` …). */
export type S3Location = {
  readonly bucket: string;
  readonly region?: string | undefined;
  /** URL of an S3-compatible store. */
  readonly endpoint?: string | undefined;
  readonly profile?: string | undefined;
};

/** Opens the store in a bucket; no request is made before the first call. */
export function createS3Store(location: S3Location): ArchiveStore {
  const { bucket } = location;
  const client = new S3Client({
    ...(location.region === undefined ? {} : { region: location.region }),
    ...(location.endpoint === undefined ? {} : { endpoint: location.endpoint }),
    ...(location.profile === undefined ? {} : { profile: location.profile }),
    // Other stores than AWS rarely serve a host name per bucket.
    forcePathStyle: usesOwnEndpoint(location),
    // Storing a composite checksum is enough: the manifest has the archive's sha256, and verify recomputes it.
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const url = (key: string) => `s3://${bucket}/${key}`;

  async function open(key: string, versionId?: string | null): Promise<OpenObject | undefined> {
    const VersionId = versionId ?? undefined;
    try {
      const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, VersionId }));
      return { ...describeObject(answer), body: answer.Body as Readable };
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw storeError(error, `reading ${url(key)}`);
    }
  }

  async function put(key: string, text: string, createOnly: boolean): Promise<Stored> {
    try {
      const answer = await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: text,
          ContentType: 'application/json',
          ...(createOnly ? { IfNoneMatch: '*' } : {}),
        }),
      );
      return { etag: bare(answer.ETag), versionId: answer.VersionId ?? null };
    } catch (error) {
      throw storeError(error, `writing ${url(key)}`);
    }
  }

  return {
    async *list(prefix): AsyncGenerator<StoredObject> {
      try {
        for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
          for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
            yield {
              key: Key ?? '',
              bytes: Size ?? 0,
              etag: bare(ETag),
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
        for await (const page of paginateListObjectsV2({ client }, query)) {
          for (const { Prefix } of page.CommonPrefixes ?? [])
            names.push((Prefix ?? '').slice(prefix.length, -1));
        }
      } catch (error) {
        throw storeError(error, `listing ${url(prefix)}`);
      }
      return names;
    },
    open,
    async readText(key): Promise<StoredText | undefined> {
      const opened = await open(key);
      if (opened === undefined) return undefined;
      const { body, ...rest } = opened;
      return { ...rest, text: Buffer.concat(await body.toArray()).toString('utf8') };
    },
    create: (key, text) => put(key, text, true),
    write: (key, text) => put(key, text, false),
    upload: (key, chunks, options) => uploadCreateOnly(client, bucket, key, chunks, options),
    async delete(key) {
      try {
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
      } catch (error) {
        throw storeError(error, `deleting ${url(key)}`);
      }
    },
  };
}

function usesOwnEndpoint({ endpoint }: S3Location): boolean {
  return [endpoint, process.env.AWS_ENDPOINT_URL_S3, process.env.AWS_ENDPOINT_URL].some(Boolean);
}

function describeObject(answer: GetObjectCommandOutput): Omit<OpenObject, 'body'> {
  return {
    bytes: answer.ContentLength ?? 0,
    etag: bare(answer.ETag),
    versionId: answer.VersionId ?? null,
    storedAt: answer.LastModified ?? new Date(0),
  };
}

/** S3 sends entity tags in quotes; listings of some stores do not. */
function bare(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}
