// Asks a store all that a back-up asks of it, such that nothing remains: an upload in parts that is never completed, and
// an object whose checksum is another's.

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { OffsiteError } from '../base/errors.ts';
import { checksumOf } from '../store/checksums.ts';
import { proof } from '../store/proof.ts';
import type { ProviderName } from '../store/provider.ts';
import type { S3Session } from '../store/session.ts';
import type { AwsError } from '../store/trouble.ts';

/** What came of it; what failed is thrown. */
export type Written = {
  readonly aborted: boolean;
  /** Whether the store compares what it gets with its checksum; where it does not, some questions were not asked. */
  readonly comparesChecksums: boolean;
};

const body = Buffer.from('offsite doctor');
const otherBody = Buffer.from('offsite doctors');

/**
 * Tries to write.
 *
 * @param key - Of no object.
 * @throws What the store says; an {@link OffsiteError} that names the profile to choose where it refuses the dialect.
 */
export async function tryWrite(session: S3Session, key: string): Promise<Written> {
  const { bucket, provider, writer } = session;
  const object = { Bucket: bucket, Key: key };
  const begin = new CreateMultipartUploadCommand({
    ...object,
    ContentType: 'application/gzip',
    ...(provider.checksums === 'crc32' ? { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } : {}),
  });
  const { UploadId } = await inDialect(() => writer.send(begin), 'other');
  const upload = { ...object, UploadId: proof(UploadId, 'an upload id') };
  const abort = () =>
    writer.send(new AbortMultipartUploadCommand(upload)).then(
      () => true,
      () => false,
    );
  try {
    const comparesChecksums = await tryPart(session, upload);
    if (provider.createOnly) await tryConditions(session, upload, comparesChecksums);
    return { aborted: await abort(), comparesChecksums };
  } catch (error) {
    await abort();
    throw error;
  }
}

type Upload = { readonly Bucket: string; readonly Key: string; readonly UploadId: string };

/** @returns Whether the store refuses a part whose checksum is another's. */
async function tryPart({ provider, writer }: S3Session, upload: Upload): Promise<boolean> {
  const part = { ...upload, PartNumber: 1, Body: body };
  const right = new UploadPartCommand({ ...part, ...checksumOf(body, provider) });
  proof((await inDialect(() => writer.send(right), 'other')).ETag, 'an entity tag');
  return isRefused(writer.send(new UploadPartCommand({ ...part, ...checksumOf(otherBody, provider) })));
}

/** Sends the conditions of a back-up with what is refused in any case. */
async function tryConditions(
  { provider, writer }: S3Session,
  upload: Upload,
  canPut: boolean,
): Promise<void> {
  const { UploadId, ...object } = upload;
  const IfNoneMatch = '*';
  // A part that was never sent.
  const Parts = [{ PartNumber: 2, ETag: '"00000000000000000000000000000000"' }];
  const complete = new CompleteMultipartUploadCommand({ ...upload, IfNoneMatch, MultipartUpload: { Parts } });
  await inDialect(() => isRefused(writer.send(complete)), 'b2');
  if (!canPut) return;
  const put = { ...object, IfNoneMatch, Body: body, ...checksumOf(otherBody, provider) };
  await inDialect(() => isRefused(writer.send(new PutObjectCommand(put))), 'b2');
}

const expectedRefusals =
  /^(BadDigest|InvalidDigest|XAmzContentChecksumMismatch|XAmzContentSHA256Mismatch|InvalidPart|InvalidPartOrder|MalformedXML|EntityTooSmall)$/;

/** Whether what must be refused is, for the reason that it must be. @throws What else the store says. */
async function isRefused(sending: Promise<unknown>): Promise<boolean> {
  try {
    await sending;
    return false;
  } catch (error) {
    if (expectedRefusals.test((error as Error).name)) return true;
    throw error;
  }
}

/** @throws Where the store does not know what it is asked, the error that says so. */
async function inDialect<T>(ask: () => Promise<T>, instead: ProviderName): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const { name, message, $metadata } = error as AwsError;
    const isUnknown =
      $metadata?.httpStatusCode === 501 || /^(NotImplemented|XNotImplemented|InvalidArgument)$/.test(name);
    if (!isUnknown) throw error;
    throw new OffsiteError('STORE_FAILED', 'this store does not know what a back-up asks of it', {
      expected: instead === 'b2' ? 'If-None-Match, by which no archive replaces another' : 'checksums of AWS',
      found: `${name}: ${message}`,
      hint: `say --provider ${instead} (OFFSITE_PROVIDER, or "provider" in the settings file), which does without`,
      cause: error,
    });
  }
}
