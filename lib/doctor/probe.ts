// What credentials may do in a vault, found out by trying, such that nothing remains of it: all that a back-up asks, a read of what is there, the deletion of what is not.

import { randomInt } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { anyIdOf, archiveKeys, archivesPrefix, parseArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { parseRecipientsNote, type RecipientsNote, recipientsKey } from '../mail/recipients.ts';
import type { LockMode } from '../retention/lock.ts';
import { storeError } from '../store/errors.ts';
import { proof } from '../store/proof.ts';
import { openSession, type S3Location, type S3Session } from '../store/session.ts';
import { troubleOf } from '../store/trouble.ts';
import { tryWrite, type Written } from './try-write.ts';

export type Attempt<Value> =
  | { readonly outcome: 'done'; readonly value: Value }
  /** These credentials may not do it. */
  | { readonly outcome: 'refused'; readonly error: OffsiteError }
  /** The store does not know what was asked, or has nothing set. */
  | { readonly outcome: 'unset' }
  | { readonly outcome: 'failed'; readonly error: Error };

export type Identity = {
  readonly accessKeyId: string;
  /** Of credentials that end. */
  readonly expiresAt: Date | undefined;
};

export type VaultProbe = {
  /** @throws `OffsiteError` `CREDENTIALS_MISSING`. */
  identity(): Promise<Identity>;
  /** Asks all that a back-up asks. */
  write(): Promise<Attempt<Written>>;
  list(): Promise<Attempt<void>>;
  /** @param id - An archive that is there, if one is known: without the right to list, S3 refuses all that is not. */
  read(id: string | undefined): Promise<Attempt<void>>;
  delete(): Promise<Attempt<void>>;
  /** The vault's note of who gets the mails. */
  recipients(): Promise<Attempt<RecipientsNote | undefined>>;
  versioning(): Promise<Attempt<string>>;
  objectLock(): Promise<Attempt<string>>;
  /** How what is stored is locked by itself. */
  lockRule(): Promise<Attempt<LockMode | undefined>>;
  /** What the bucket takes away by itself. */
  lifecycle(): Promise<Attempt<Lifecycle>>;
  publicAccessBlocked(): Promise<Attempt<boolean>>;
  /** This machine's clock less the store's, by its last answer. */
  clockAheadMs(): number | undefined;
  /** Who these credentials are, where a refusal has named them. */
  principal(): string | undefined;
};

/** Whether the bucket removes uploads that were never completed, and versions that were deleted or replaced. */
export type Lifecycle = { readonly endsUploads: boolean; readonly removesVersions: boolean };

const unsetNames =
  /^(NoSuchLifecycleConfiguration|ObjectLockConfigurationNotFoundError|NoSuchPublicAccessBlockConfiguration|NotImplemented|MethodNotAllowed|NotFound|NoSuchKey|XNotImplemented)$/;

/** A key that the agent's policy allows and that is no archive's, with letters for digits: no command takes it for one. */
function keyOfNone(source: string): string {
  const any = anyIdOf(source);
  return archiveKeys({ ...any, id: any.id.replaceAll('?', () => String.fromCharCode(97 + randomInt(26))) })
    .archive;
}

export function createVaultProbe(location: S3Location, source: string): VaultProbe {
  const { bucket } = location;
  const session = openSession(location);
  const client = session.reader;
  const absentKey = keyOfNone(source);
  let principal: string | undefined;

  async function attempt<Value>(doing: string, act: () => Promise<Value>): Promise<Attempt<Value>> {
    try {
      return { outcome: 'done', value: await act() };
    } catch (error) {
      principal ??= /User: (arn:\S+) is not authorized/.exec((error as Error).message)?.[1];
      if (unsetNames.test((error as Error).name)) return { outcome: 'unset' };
      const told = storeError(error, doing);
      return told instanceof OffsiteError && (error as Error).name === 'AccessDenied'
        ? { outcome: 'refused', error: told }
        : { outcome: 'failed', error: told };
    }
  }

  return {
    async identity() {
      try {
        const { accessKeyId, expiration } = await session.credentials();
        return { accessKeyId, expiresAt: expiration };
      } catch (error) {
        throw storeError(error, 'looking for AWS credentials');
      }
    },
    write: () =>
      attempt(`beginning an upload to s3://${bucket}/${archivesPrefix}${source}/`, () =>
        // As a back-up does: by the first refusal the SDK sets its clock by the store's.
        tryWrite(session, absentKey).catch((error: unknown) => {
          if (troubleOf(error) !== 'mismatched') throw error;
          return tryWrite(session, absentKey);
        }),
      ),
    list: () =>
      attempt('listing', async () => {
        const Prefix = `${archivesPrefix}${source}/`;
        const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix, MaxKeys: 1 }));
        proof(page.IsTruncated, 'a listing');
      }),
    read: (id) =>
      attempt('reading', async () => {
        const Key = id === undefined ? absentKey : archiveKeys(parseArchiveId(id)).archive;
        // Not HEAD: its refusal has no words.
        const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key, Range: 'bytes=0-0' }));
        (answer.Body as Readable | undefined)?.destroy();
      }),
    delete: () =>
      attempt('deleting', async () => {
        // No object has this tag: a store that knows the condition does not even leave a delete marker.
        const IfMatch = '"00000000000000000000000000000000"';
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: absentKey, IfMatch }));
      }),
    recipients: () =>
      attempt('reading who gets the mails', async () => {
        const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: recipientsKey }));
        return parseRecipientsNote(await answer.Body?.transformToString());
      }),
    ...settingsProbe(client, bucket, attempt),
    clockAheadMs: () => session.clockAheadMs,
    principal: () => principal,
  };
}

type Attempting = <Value>(doing: string, act: () => Promise<Value>) => Promise<Attempt<Value>>;

function settingsProbe(
  client: S3Session['reader'],
  bucket: string,
  attempt: Attempting,
): Pick<VaultProbe, 'versioning' | 'objectLock' | 'lockRule' | 'lifecycle' | 'publicAccessBlocked'> {
  const lock = async () =>
    (await client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket }))).ObjectLockConfiguration;
  return {
    versioning: () =>
      attempt('reading whether versions are kept', async () => {
        const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }));
        return Status ?? 'off';
      }),
    objectLock: () =>
      attempt('reading the Object Lock', async () => (await lock())?.ObjectLockEnabled ?? 'off'),
    lockRule: () =>
      attempt('reading the Object Lock', async () => (await lock())?.Rule?.DefaultRetention?.Mode),
    lifecycle: () =>
      attempt('reading the lifecycle', async () => {
        const { Rules = [] } = await client.send(
          new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }),
        );
        const rules = Rules.filter(({ Status }) => Status === 'Enabled');
        return {
          endsUploads: rules.some((rule) => rule.AbortIncompleteMultipartUpload !== undefined),
          removesVersions: rules.some((rule) => rule.NoncurrentVersionExpiration !== undefined),
        };
      }),
    publicAccessBlocked: () =>
      attempt('reading the public access block', async () => {
        const answer = await client.send(new GetPublicAccessBlockCommand({ Bucket: bucket }));
        const block = answer.PublicAccessBlockConfiguration ?? {};
        return [
          block.BlockPublicAcls,
          block.BlockPublicPolicy,
          block.IgnorePublicAcls,
          block.RestrictPublicBuckets,
        ].every(Boolean);
      }),
  };
}
