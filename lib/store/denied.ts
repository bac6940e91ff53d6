// What a key may not do, in the words of who can allow it: the action as IAM calls it, and where this store's keys get theirs.

import type { Explanation } from './on-the-way.ts';
import type { ProviderName } from './provider.ts';
import type { Asked } from './trouble.ts';

/** Where IAM has another word than the SDK. */
const actions: Readonly<Record<string, string>> = {
  ListObjectsV2: 's3:ListBucket',
  ListObjectVersions: 's3:ListBucketVersions',
  HeadObject: 's3:GetObject',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  GetBucketLifecycleConfiguration: 's3:GetLifecycleConfiguration',
  GetObjectLockConfiguration: 's3:GetBucketObjectLockConfiguration',
  GetPublicAccessBlock: 's3:GetBucketPublicAccessBlock',
};

const policies = "'Set up' in docs/guard.md has them";
const others = `allow that in the policy of the key or of the bucket (${policies})`;
const ways: Readonly<Record<ProviderName, string>> = {
  aws: `allow that in the key's policy: the stack's outputs name AgentPolicyArn (creates), OperatorPolicyArn (lists, reads) and UndoPolicyArn; without the stack ${policies}`,
  r2: 'take an API token "Object Read & Write" of this bucket',
  b2: `make a key with the capability for it (${policies})`,
  wasabi: others,
  scaleway: others,
  minio: others,
  ceph: others,
  other: others,
};

/** @param message - The store's own; AWS's names the action. */
export function explanationOfDenial(message: string, asked: Asked | undefined): Explanation {
  const action = /\bperform: (s3:\w+)/.exec(message)?.[1] ?? (asked && actionOf(asked));
  const isWrite = action === 's3:PutObject' || action === 's3:AbortMultipartUpload';
  return {
    code: 'CREDENTIALS_REFUSED',
    expected: action === undefined ? 'credentials that may do this' : `credentials that may ${action} there`,
    hint: `${ways[asked?.provider ?? 'aws']}${isWrite ? '' : ", or name another key (--profile): the host's only creates"}; some stores say the same of a key or secret that is wrong or cut off`,
  };
}

function actionOf({ command, isOfVersion }: Asked): string {
  const name = command.replace(/Command$/, '');
  const ofVersion = isOfVersion && /^(Get|Delete)Object$/.test(name) ? 'Version' : '';
  return `${actions[name] ?? `s3:${name}`}${ofVersion}`;
}
