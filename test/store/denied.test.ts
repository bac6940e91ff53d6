import { describe, expect, it } from 'vitest';
import { storeError } from '../../lib/store/errors.ts';
import { type ProviderName, providerNames } from '../../lib/store/provider.ts';

const denied = (command: string, provider: ProviderName, isOfVersion = false, message = 'Access Denied.') =>
  storeError(
    Object.assign(new Error(message), { name: 'AccessDenied', asked: { command, isOfVersion, provider } }),
    'x',
  );

describe('a key that may not do something', () => {
  it.each([
    ['ListObjectsV2Command', false, 's3:ListBucket'],
    ['UploadPartCommand', false, 's3:PutObject'],
    ['GetObjectCommand', true, 's3:GetObjectVersion'],
    ['PutObjectRetentionCommand', true, 's3:PutObjectRetention'],
  ])('%s: the action is named as a policy has it', (command, isOfVersion, action) => {
    expect(denied(command, 'minio', isOfVersion)).toMatchObject({
      code: 'CREDENTIALS_REFUSED',
      expected: `credentials that may ${action} there`,
    });
  });

  it("takes AWS's own word for it: of an object that is not there, reading is refused for want of listing", () => {
    const said =
      'User: arn:aws:iam::1:user/x is not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::v"';
    expect(denied('GetObjectCommand', 'aws', false, said)).toMatchObject({
      expected: 'credentials that may s3:ListBucket there',
    });
  });

  it.each(providerNames)('at %s, the way to allow it is that store’s', (provider) => {
    const { hint } = denied('GetObjectCommand', provider) as Error & { hint: string };
    expect(hint.includes('PolicyArn')).toBe(provider === 'aws');
    expect(hint).toContain('--profile');
  });
});
