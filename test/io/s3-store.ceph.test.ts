import { PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { execa } from 'execa';
import { beforeAll, describe } from 'vitest';
import { createBucket, describeArchiveStore } from './archive-store.contract.ts';

/** A program that brings up a Ceph gateway, if it does not run, and prints KEY=value lines. */
const up = process.env.REAL_S3_UP;

if (up === undefined) {
  console.warn(
    'SKIPPED: REAL_S3_UP does not name a program that brings up a Ceph gateway, so no real store is tested',
  );
}

describe.skipIf(up === undefined)('S3 store on Ceph', () => {
  const bucket = `contract-${process.pid}`;

  beforeAll(async () => {
    const { stdout } = await execa(up ?? '', [], { stderr: 'ignore' });
    const settings = stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]);
    Object.assign(process.env, Object.fromEntries(settings.filter(([name]) => name.startsWith('AWS_'))));
    process.env.AWS_REGION = process.env.AWS_DEFAULT_REGION;
    await createBucket(bucket);
    await new S3Client({ forcePathStyle: true }).send(
      new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
  }, 300_000);

  // In a bucket with versions, Ceph 18 ignores If-None-Match; in others it honours it, but not on Complete.
  describeArchiveStore(bucket, { createOnly: false, listsUploads: true, versions: true }, 'ceph');
});
