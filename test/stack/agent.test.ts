// A stolen host: what AWS says to whoever has the agent's credentials. Each decision is made from the policies of the
// synthesized template, the agent's and the bucket's.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { baseBackupKeys, parseBaseBackupKey } from '../../lib/archive/base-backup-names.ts';
import { archiveIdAt, archiveKeys, parseKey } from '../../lib/archive/names.ts';
import { parseWalFile, parseWalKey, type WalFile, walKey } from '../../lib/archive/wal-names.ts';
import type { Template } from '../../lib/rehearsal/template/template.ts';
import { parseSidecarKey, sidecarKeys } from '../../lib/sidecar/names.ts';
import { createAccount } from '../fixtures/iam.ts';
import { synthesize } from './synthesized.ts';

const { template } = synthesize();
const withKey = synthesize({ encryption: 'kms' });

const account = createAccount(template.toJSON() as Template);
const agent = account.policiesOf('IdentitiesAgentbitagentPolicy');
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
    'archives/attic/attic-2026-11-24-020000Z.sql.gz',
    'archives/attic/bitagent-2026-11-24-020000Z.sql.gz',
    'archives/bitagent/attic-2026-11-24-020000Z.sql.gz',
    'archives/bitagent/bitagent-2026-11-24-020000Z.sql.gz.exe',
    'archives/bitagent/bitagent-2026-11-24-020000Z.db.gz',
    'archives/bitagent/more/bitagent-2026-11-24-020000Z.sql.gz',
    'archives/bitagent/anything',
    'sidecars/bitagent/bitagent-2026-11-24-020000Z.sql.gz',
    'basebackups/attic/attic-2026-11-24-020000Z.tar.gz',
    'basebackups/bitagent/bitagent-2026-11-24-020000Z.sql.gz',
    'wal/bitagent/7345678901234567890/000000010000000000000001',
    `wal/attic/7345678901234567890/000000010000000000000001-${'a'.repeat(64)}.gz`,
    `wal/bitagent/000000010000000000000001-${'a'.repeat(64)}.gz`,
    'basebackup-verdicts/bitagent/bitagent-2026-11-24-020000Z.json',
    'wal-verdicts/bitagent/7345678901234567890/000000010000000000000001.json',
    'due/bitagent/wal/7345678901234567890/000000010000000000000001.json',
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

describe('what it may create is what can be listed, judged and expired', () => {
  const anyInstant = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
  const anySource = fc.constantFrom('bitagent', 'attic', 'bitagent-2');
  const ofArchives = fc
    .tuple(anySource, anyInstant)
    .map(([source, at]) => archiveIdAt(source, at))
    .chain((id) => {
      const baseBackup = baseBackupKeys(id);
      const keys = [archiveKeys(id), sidecarKeys(id), baseBackup].flatMap(({ archive, manifest }) => [
        archive,
        manifest,
      ]);
      return fc.constantFrom(...keys, baseBackup.serverManifest);
    });
  const hex = (digits: number) =>
    fc.array(fc.constantFrom(...'0123456789ABCDEF'), { minLength: digits, maxLength: digits });
  const ofLog = fc
    .tuple(anySource, fc.bigInt({ min: 10n ** 18n, max: 10n ** 19n - 1n }), hex(7), hex(24), hex(64))
    .chain(([source, systemIdentifier, timeline, place, sum]) => {
      const name = `1${timeline.join('')}`;
      const segment = `${name}${place.slice(8).join('')}`;
      const label = `${segment}.${place.slice(0, 8).join('')}.backup`;
      const begun = label.replace('backup', 'begun');
      return fc.constantFrom(segment, `${segment}.partial`, label, begun, `${name}.history`).map((file) =>
        walKey({
          source,
          systemIdentifier: String(systemIdentifier),
          file: parseWalFile(file) as WalFile,
          sha256: sum.join('').toLowerCase(),
        }),
      );
    });
  const named = fc.oneof(ofArchives, ofLog);
  const mayCreate = async (key: string) => {
    const call = { action: 's3:PutObject', resource: `${bucket}/${key}`, context: onlyIfFree };
    return (await account.decide(agent, call)) === 'Allowed';
  };
  /** Of a cluster that was made from 1977 to 2043: it has an identifier of 19 digits. */
  const isOwnLog = (key: string) => {
    const name = parseWalKey(key);
    return name?.source === 'bitagent' && name.systemIdentifier.length === 19;
  };
  const ownName = (key: string) =>
    isOwnLog(key) ||
    [parseKey(key), parseSidecarKey(key), parseBaseBackupKey(key)].some(
      (name) => name !== undefined && name.part !== 'verdict' && name.id.source === 'bitagent',
    );
  const id = 'bitagent/bitagent-.{4}-..-..-.{6}Z';
  const alike = new RegExp(
    `^(archives/${id}(.sql.gz|.manifest.json)|sidecars/${id}(.db.gz|.manifest.json)|basebackups/${id}(.tar.gz|.backup_manifest|.manifest.json)|wal/bitagent/.{19}/(.{24}(|.partial|[.].{8}.backup|[.].{8}.begun)|.{8}.history)-.{64}.gz)$`
      // In a pattern of IAM a dot is one.
      .replace(/[.](?=[a-z])/g, '[.]'),
  );

  test('every name of its source, and none of another', async () => {
    await fc.assert(
      fc.asyncProperty(named, async (key) => {
        expect(await mayCreate(key)).toBe(ownName(key));
      }),
    );
  });

  test('of other names those only whose date is none: as long, of letters for digits', async () => {
    const changed = fc
      .tuple(named, fc.nat(), fc.stringMatching(/^[a-z0-9/.Z-]{0,2}$/), fc.nat({ max: 2 }))
      .map(([key, place, put, cut]) => {
        const at = place % (key.length + 1);
        return key.slice(0, at) + put + key.slice(at + cut);
      });
    await fc.assert(
      fc.asyncProperty(changed, async (key) => {
        expect(await mayCreate(key), key).toBe(ownName(key) || alike.test(key));
      }),
    );
  });
});

describe('nobody stores', () => {
  const anything = { Effect: 'Allow', Action: '*', Resource: '*' } as const;
  const administrator = [{ name: 'all', policy: { Version: '2012-10-17', Statement: [anything] } }];
  const sent = (more: Record<string, string>, of = account) =>
    of.decide(administrator, {
      action: 's3:PutObject',
      resource: `${of.arnOf('VaultBucket')}/archives/bitagent/bitagent-2026-11-24-020000Z.sql.gz`,
      context: { ...onlyIfFree, ...more },
    });
  const encryption = 's3:x-amz-server-side-encryption';

  test.each([
    ['under a key that it brings along', { [`${encryption}-customer-algorithm`]: 'AES256' }],
    ['under a key of KMS that is not the vault’s', { [encryption]: 'aws:kms' }],
    ['in a class that is another', { 's3:x-amz-storage-class': 'DEEP_ARCHIVE' }],
  ])('%s', async (_, header) => {
    expect(await sent(header)).toBe('ExplicitlyDenied');
  });

  test('but as the vault says, whether asked for or not', async () => {
    expect(await sent({})).toBe('Allowed');
    expect(await sent({ [encryption]: 'AES256', 's3:x-amz-storage-class': 'STANDARD' })).toBe('Allowed');
    const own = createAccount(withKey.template.toJSON() as Template);
    const keyId = `${encryption}-aws-kms-key-id`;
    expect(await sent({ [encryption]: 'aws:kms', [keyId]: own.arnOf('VaultKey') }, own)).toBe('Allowed');
    expect(await sent({ [encryption]: 'aws:kms', [keyId]: 'arn:aws:kms:eu-central-1:4:key/x' }, own)).toBe(
      'ExplicitlyDenied',
    );
  });
});

test('uses the key of a vault through S3 only', async () => {
  const locked = createAccount(withKey.template.toJSON() as Template);
  const bearer = locked.policiesOf('IdentitiesAgentbitagentPolicy');
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
