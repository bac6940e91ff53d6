// Taking down what the account's own test has made, however far it came. Whatever is gone already is no fault.

import {
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListBucketsCommand,
  ListObjectVersionsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Scene } from '../../lib/rehearsal/stage/story.ts';
import { type Account, cdk, describeStack, s3Of } from './account.ts';
import { removeQueue } from './mailbox.ts';
import type { IntegState } from './state.ts';

/** Destroys the stack, sees that the vault alone is left, and removes that, too: there is nothing in it but the test's. */
export async function cleanUp(account: Account, state: IntegState, scene: Scene): Promise<void> {
  if (state.queueUrl !== undefined) await removeQueue(account, state.queueUrl);
  if (account.endpoint === undefined) await destroy(account, scene);
  // moto deletes a network before what is in it, and fails by that.
  else scene.say('(cdk destroy is left out: the stand-in cannot; the vault is removed by us)');
  const s3 = s3Of(account);
  // By its name: a deployment that was interrupted has given nothing out.
  const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
  for (const { Name = '' } of Buckets) {
    if (!Name.startsWith(`${account.stackName.toLowerCase()}-`)) continue;
    await empty(s3, Name);
    await s3.send(new DeleteBucketCommand({ Bucket: Name }));
    scene.say(`The vault ${Name}, which a destroyed stack leaves, was emptied and removed.`);
  }
  scene.summarize('nothing is left but the image in the assets of the bootstrap');
}

async function destroy(account: Account, scene: Scene): Promise<void> {
  if ((await describeStack(account, account.stackName)) !== undefined) {
    scene.command(`cdk destroy (${account.stackName})`);
    await cdk(account, 'destroy', '--force');
  }
  scene.check('the stack', undefined, await describeStack(account, account.stackName));
}

async function empty(s3: S3Client, Bucket: string): Promise<void> {
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    if (Objects.length === 0) return;
    const { Errors = [] } = await s3.send(
      new DeleteObjectsCommand({ Bucket, BypassGovernanceRetention: true, Delete: { Objects } }),
    );
    if (Errors[0] !== undefined) throw new Error(`${Errors[0].Key} stays: ${Errors[0].Message}`);
  }
}
