// The versions of a vault's objects, and the markers that deleting lays over them. Only `offsite undo` asks for them:
// no handler's bundle carries this.

import {
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandInput,
} from '@aws-sdk/client-s3';
import { storeError } from '../store/errors.ts';
import { proof, UnprovenAnswer } from '../store/proof.ts';
import { openSession, type S3Location } from '../store/session.ts';
import type { KeyHistory } from './undo-plan.ts';

export type VersionHistory = {
  histories(prefix: string): Promise<Map<string, KeyHistory>>;
  /**
   * Takes the delete markers off a key, so that the newest version under them is what is there again.
   *
   * @remarks Removes markers only, each by its own id: never a version that has bytes.
   */
  bringBack(key: string): Promise<void>;
  /**
   * For how many days the bucket's lifecycle keeps what was deleted.
   *
   * @returns `undefined` where these credentials may not read it, or nothing is set.
   */
  undoDays(): Promise<number | undefined>;
};

type Page = { readonly key: string; readonly history: KeyHistory; readonly topMarkerId: string | undefined };

export function createVersionHistory(location: S3Location): VersionHistory {
  const { bucket } = location;
  const { reader, url } = openSession(location);

  async function read(prefix: string): Promise<Map<string, Page>> {
    const found = new Map<string, Page>();
    const note = (key: string, seen: Partial<KeyHistory>, topMarkerId?: string) => {
      const before = found.get(key);
      found.set(key, {
        key,
        history: { ...seen, ...before?.history },
        topMarkerId: before?.topMarkerId ?? topMarkerId,
      });
    };
    const input: ListObjectVersionsCommandInput = { Bucket: bucket, Prefix: prefix };
    do {
      const page = await reader.send(new ListObjectVersionsCommand(input));
      proof(page.IsTruncated, 'a listing of versions');
      for (const { Key = '', VersionId, IsLatest, LastModified } of page.DeleteMarkers ?? []) {
        if (IsLatest) note(Key, { deletedAt: LastModified ?? new Date(0) }, VersionId);
      }
      // Newest first, so the first one of a key is the one that counts.
      for (const { Key = '', VersionId = 'null', Size = 0 } of page.Versions ?? []) {
        note(Key, { newest: { versionId: VersionId, bytes: Size } });
      }
      input.KeyMarker = page.NextKeyMarker;
      input.VersionIdMarker = page.NextVersionIdMarker;
    } while (input.KeyMarker !== undefined);
    return found;
  }

  return {
    async histories(prefix) {
      try {
        const pages = await read(prefix);
        return new Map([...pages].map(([key, { history }]) => [key, history]));
      } catch (error) {
        throw storeError(error, `listing the versions of ${url(prefix)}`);
      }
    },
    async bringBack(key) {
      try {
        // Who deletes twice lays two markers.
        for (let before: string | undefined; ; ) {
          const page = (await read(key)).get(key);
          if (page?.topMarkerId === undefined || page.history.newest === undefined) return;
          if (page.topMarkerId === before) throw new UnprovenAnswer('the marker being gone');
          before = page.topMarkerId;
          await reader.send(
            new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: page.topMarkerId }),
          );
        }
      } catch (error) {
        throw storeError(error, `taking the delete marker off ${url(key)}`);
      }
    },
    async undoDays() {
      try {
        const input = { Bucket: bucket };
        const { Rules = [] } = await reader.send(new GetBucketLifecycleConfigurationCommand(input));
        const days = Rules.flatMap(daysOfNoncurrent);
        return days.length === 0 ? undefined : Math.min(...days);
      } catch {
        return undefined;
      }
    },
  };
}

function daysOfNoncurrent({ Status, NoncurrentVersionExpiration }: LifecycleRule): number[] {
  const days = NoncurrentVersionExpiration?.NoncurrentDays;
  return Status === 'Enabled' && days !== undefined ? [days] : [];
}
