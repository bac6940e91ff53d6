// The bucket that outlives everything else in the stack. It is versioned, closed to the public and kept when the stack
// is deleted, so that neither a wrong command nor a wrong deployment takes the archives along.

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

/** How long a deleted or replaced object can be brought back. */
const undoDays = 7;

/** Where archives, verdicts and reports live. */
export class Vault extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.bucket = new Bucket(this, 'Bucket', {
      versioned: true,
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [
        { id: 'abort-incomplete-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
        {
          id: 'remove-noncurrent-versions',
          noncurrentVersionExpiration: Duration.days(undoDays),
          expiredObjectDeleteMarker: true,
        },
      ],
    });
    announceNewObjects(this.bucket);
  }
}

/** Not `eventBridgeEnabled`: it sets the same by a custom resource with a Lambda function of its own. */
function announceNewObjects(bucket: Bucket): void {
  const resource = bucket.node.defaultChild as CfnBucket;
  resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
}
