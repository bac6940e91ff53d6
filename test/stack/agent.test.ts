// A stolen host: what AWS says to whoever has the agent's credentials. Each decision is made from the policies of the
// synthesized template, the agent's and the bucket's.

import { afterAll, describe, expect, test } from 'vitest';
import type { Template } from '../../lib/rehearsal/template/template.ts';
import { createAccount } from '../fixtures/iam.ts';
import { synthesize } from './synthesized.ts';

const { template, dispose } = synthesize();
const withKey = synthesize({ encryption: 'kms' });

afterAll(() => {
  dispose();
  withKey.dispose();
});

const account = createAccount(template.toJSON() as Template);
const agent = account.policiesOf('IdentitiesAgentPolicy');
const bucket = account.arnOf('VaultBucket');
const archive = `${bucket}/archives/bitagent/bitagent-2026-11-24-020000Z.sql.gz`;

/** As S3 sees a request that makes an object. */
const creating = { 's3:ObjectCreationOperation': 'true' };
const onlyIfFree = { ...creating, 's3:if-none-match': '*' };
/** Beginning a multipart upload, and its parts. */
const preparing = { 's3:ObjectCreationOperation': 'false' };

describe('may', () => {
  test.each([
    ['create an archive where there is none', { action: 's3:PutObject', context: onlyIfFree }],
    ['begin an upload and send parts', { action: 's3:PutObject', context: preparing }],
    ['give an upload up', { action: 's3:AbortMultipartUpload' }],
  ])('%s', async (_, call) => {
    expect(await account.decide(agent, { resource: archive, ...call })).toBe('Allowed');
  });
});

describe('may not', () => {
  test('create over an archive, whoever asks', async () => {
    const overwrite = { action: 's3:PutObject', resource: archive, context: creating };
    expect(await account.decide(agent, overwrite)).toBe('ExplicitlyDenied');
    const anything = { Effect: 'Allow', Action: '*', Resource: '*' } as const;
    const administrator = [{ name: 'all', policy: { Version: '2012-10-17', Statement: [anything] } }];
    expect(await account.decide(administrator, overwrite)).toBe('ExplicitlyDenied');
    expect(await account.decide(administrator, { ...overwrite, context: onlyIfFree })).toBe('Allowed');
  });

  test('do anything in the clear', async () => {
    const context = { ...onlyIfFree, 'aws:SecureTransport': 'false' };
    expect(await account.decide(agent, { action: 's3:PutObject', resource: archive, context })).toBe(
      'ExplicitlyDenied',
    );
  });

  test.each([
    's3:GetObject',
    's3:GetObjectVersion',
    's3:GetObjectAttributes',
    's3:DeleteObject',
    's3:DeleteObjectVersion',
    's3:PutObjectRetention',
    's3:PutObjectLegalHold',
    's3:BypassGovernanceRetention',
    's3:PutObjectAcl',
    's3:PutObjectTagging',
    's3:RestoreObject',
    's3:ListMultipartUploadParts',
    's3:ReplicateDelete',
  ])('%s', async (action) => {
    expect(await account.decide(agent, { action, resource: archive })).toBe('ImplicitlyDenied');
  });

  test.each([
    's3:ListBucket',
    's3:ListBucketVersions',
    's3:ListBucketMultipartUploads',
    's3:PutBucketObjectLockConfiguration',
    's3:PutBucketVersioning',
    's3:PutBucketPolicy',
    's3:DeleteBucketPolicy',
    's3:PutLifecycleConfiguration',
    's3:PutBucketPublicAccessBlock',
    's3:PutReplicationConfiguration',
    's3:PutEncryptionConfiguration',
    's3:PutBucketNotification',
    's3:DeleteBucket',
  ])('%s', async (action) => {
    expect(await account.decide(agent, { action, resource: bucket })).toBe('ImplicitlyDenied');
  });

  test.each([
    'archives/elsewhere/elsewhere-2026-11-24-020000Z.sql.gz',
    'archives/bitagent-2/bitagent-2-2026-11-24-020000Z.sql.gz',
    'verdicts/bitagent/bitagent-2026-11-24-020000Z.json',
    'reports/bitagent/bitagent-2026-11-24-020000Z/report.json',
    'acceptances/bitagent/bitagent-2026-11-24-020000Z.json',
    'holds/bitagent/bitagent-2026-11-24-020000Z.json',
    'watch/bitagent.json',
  ])('touch %s', async (key) => {
    const resource = `${bucket}/${key}`;
    for (const action of ['s3:PutObject', 's3:GetObject', 's3:DeleteObject', 's3:AbortMultipartUpload']) {
      const context = action === 's3:PutObject' ? onlyIfFree : {};
      expect(await account.decide(agent, { action, resource, context }), action).toBe('ImplicitlyDenied');
    }
  });
});

test('uses the key of a vault through S3 only', async () => {
  const locked = createAccount(withKey.template.toJSON() as Template);
  const bearer = locked.policiesOf('IdentitiesAgentPolicy');
  const resource = locked.arnOf('VaultKey');
  const viaS3 = { 'kms:ViaService': 's3.eu-central-1.amazonaws.com' };
  for (const action of ['kms:GenerateDataKey', 'kms:Decrypt']) {
    expect(await locked.decide(bearer, { action, resource, context: viaS3 }), action).toBe('Allowed');
    expect(await locked.decide(bearer, { action, resource }), action).toBe('ImplicitlyDenied');
  }
  expect(await locked.decide(bearer, { action: 'kms:ScheduleKeyDeletion', resource, context: viaS3 })).toBe(
    'ImplicitlyDenied',
  );
});
