import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LocalAws, startLocalAws } from '../../../lib/rehearsal/aws/local-aws.ts';
import { type UploadWatch, watchUploads } from '../../../lib/rehearsal/chapters/upload-watch.ts';

let aws: LocalAws;
let watch: UploadWatch;
let s3: S3Client;

beforeEach(async () => {
  aws = await startLocalAws();
  watch = await watchUploads(aws.endpoint);
  s3 = new S3Client({
    endpoint: watch.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    forcePathStyle: true,
  });
});
afterEach(async () => {
  s3.destroy();
  await watch.stop();
  await aws.stop();
});

test('counts uploads that begin, complete and are aborted, and changes nothing of them', async () => {
  const bytes = Buffer.alloc(12 * 1024 * 1024, 'x');
  await new Upload({ client: s3, params: { Bucket: aws.bucket, Key: 'whole', Body: bytes } }).done();
  const begun = await s3.send(new CreateMultipartUploadCommand({ Bucket: aws.bucket, Key: 'aborted' }));
  await s3.send(
    new AbortMultipartUploadCommand({ Bucket: aws.bucket, Key: 'aborted', UploadId: begun.UploadId }),
  );
  await s3.send(new PutObjectCommand({ Bucket: aws.bucket, Key: 'small', Body: 'x' }));
  expect(watch.counts).toEqual({ begun: 2, parts: 3, completed: 1, aborted: 1 });
});

test('does not count what the store refused', async () => {
  const nowhere = new CreateMultipartUploadCommand({ Bucket: 'absent', Key: 'x' });
  await expect(s3.send(nowhere)).rejects.toMatchObject({ name: 'NoSuchBucket' });
  expect(watch.counts.begun).toBe(0);
});
