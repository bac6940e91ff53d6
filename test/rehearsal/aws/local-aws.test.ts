import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LocalAws, startLocalAws } from '../../../lib/rehearsal/aws/local-aws.ts';

let aws: LocalAws;
let s3: S3Client;

beforeEach(async () => {
  aws = await startLocalAws();
  s3 = new S3Client(aws.clientConfig);
});
afterEach(async () => {
  s3.destroy();
  await aws.stop();
});

test('counts uploads that begin, complete and are aborted', async () => {
  const bytes = Buffer.alloc(12 * 1024 * 1024, 'x');
  await new Upload({ client: s3, params: { Bucket: aws.bucket, Key: 'whole', Body: bytes } }).done();
  const begun = await s3.send(new CreateMultipartUploadCommand({ Bucket: aws.bucket, Key: 'aborted' }));
  await s3.send(
    new AbortMultipartUploadCommand({ Bucket: aws.bucket, Key: 'aborted', UploadId: begun.UploadId }),
  );
  await s3.send(new PutObjectCommand({ Bucket: aws.bucket, Key: 'small', Body: 'x' }));
  expect(aws.uploads).toEqual({ begun: 2, parts: 3, completed: 1, aborted: 1 });
});

test('does not count what the store refused', async () => {
  const nowhere = new CreateMultipartUploadCommand({ Bucket: 'absent', Key: 'x' });
  await expect(s3.send(nowhere)).rejects.toMatchObject({ name: 'NoSuchBucket' });
  expect(aws.uploads.begun).toBe(0);
});
