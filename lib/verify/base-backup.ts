// A base backup is read again, every byte of it: the gzip members as its manifest has them, the tar, and each file in it by the sum that
// the server gave.

import { baseBackupKeys } from '../archive/base-backup-names.ts';
import type { ByteVerdict } from '../archive/byte-verdict.ts';
import type { ArchiveId } from '../archive/names.ts';
import { readRecord } from '../archive/read-manifest.ts';
import { type Deviation, damageOf } from '../archive/verdict.ts';
import { OffsiteError } from '../base/errors.ts';
import { formatBytes } from '../base/quantities.ts';
import { type Contents, ContentsReader } from '../basebackup/contents.ts';
import { ofBaseBackups } from '../basebackup/kind.ts';
import { type BaseBackupManifest, baseBackupRecords } from '../basebackup/manifest.ts';
import { functionReads } from '../cost/task-size.ts';
import type { ArchiveStore, OpenObject } from '../store/store.ts';
import { type ByteVerified, type JudgeOnceOptions, judgeOnce, missing, verdictOn } from './judge-once.ts';
import { ArchiveGone, ifGone, type Listener, observeBytes } from './observe.ts';
import { holdsAtMost, type ReadLimits } from './plan.ts';

export type VerifyBaseBackupOptions = {
  readonly store: ArchiveStore;
  readonly id: ArchiveId;
  readonly now: () => Date;
  /** Default: what a function can read in its time. */
  readonly limits?: ReadLimits;
  /** Read what is under its name now, whatever version its manifest names. */
  readonly isAgain?: boolean;
};

/** Of somebody who has all the time that it takes. */
export const noLimits: ReadLimits = { compressedBytes: Infinity, plainBytes: Infinity };

/**
 * Judges a base backup.
 *
 * @throws {@link OffsiteError} `MANIFEST_MISSING`, `ARCHIVE_TOO_LARGE`, and what else says nothing of its bytes.
 */
export async function verifyBaseBackup(options: VerifyBaseBackupOptions): Promise<ByteVerdict> {
  const { store, id, now, limits = functionReads, isAgain = false } = options;
  const manifest = await readRecord(store, baseBackupRecords, id);
  const version = isAgain ? undefined : manifest.versionId;
  if (exceeds(manifest, limits) && exceeds(await heldOf(store, manifest, version), limits))
    throw tooLarge(manifest, limits);
  const last: { opened?: OpenObject | undefined } = {};
  const open = async () => {
    last.opened = await store.open(baseBackupKeys(id).archive, last.opened?.versionId ?? version);
    if (last.opened === undefined) throw new ArchiveGone();
    return last.opened.body;
  };
  const found = await observeBytes(open, manifest, () => new BaseBackupListener()).catch(ifGone);
  const bytes = last.opened ?? manifest;
  if (found === undefined) {
    const deviation = { what: 'the tar', expected: baseBackupKeys(id).archive, found: 'nothing there' };
    return missing(id, bytes, deviation, now());
  }
  const damage = damageOf(manifest, found);
  const isAsSent = damage.length === 0;
  const deviations = isAsSent ? await contentDeviations(store, id, manifest, found.contents) : damage;
  return verdictOn(id, bytes, deviations, now());
}

export type VerifyBaseBackupOnceOptions = VerifyBaseBackupOptions &
  Pick<JudgeOnceOptions, 'sendMail' | 'isDue'> & {
    /** Lets one that exceeds the limits be judged by somebody who has the time. */
    readonly readInTask?: (id: string) => Promise<void>;
  };

/** Judges a base backup as {@link judgeOnce} does, or lets it be judged. */
export async function verifyBaseBackupOnce(
  options: VerifyBaseBackupOnceOptions,
): Promise<ByteVerified | { readonly awaits: 'task' }> {
  const { id, readInTask } = options;
  const judged = judgeOnce({
    ...options,
    kind: ofBaseBackups,
    judge: (isAgain) => verifyBaseBackup({ ...options, isAgain }),
  });
  return judged.catch(async (error) => {
    if (readInTask === undefined || (error as OffsiteError).code !== 'ARCHIVE_TOO_LARGE') throw error;
    await readInTask(id.id);
    return { awaits: 'task' as const };
  });
}

function exceeds(archive: ReadLimits, limits: ReadLimits): boolean {
  return archive.compressedBytes > limits.compressedBytes || archive.plainBytes > limits.plainBytes;
}

/** What a manifest claims, as far as what is stored can hold it. */
async function heldOf(
  store: ArchiveStore,
  manifest: BaseBackupManifest,
  version: string | null | undefined,
): Promise<ReadLimits> {
  const opened = await store.open(baseBackupKeys(manifest).archive, version);
  opened?.body.destroy();
  return holdsAtMost(manifest, opened?.bytes ?? 0);
}

type Seen = { readonly contents: Contents } | { readonly fault: OffsiteError };

/** What is no tar is told when all was read: the bytes may be others, and that is said first. */
class BaseBackupListener implements Listener<Seen> {
  readonly #reader = new ContentsReader({ withSums: true });
  #fault: OffsiteError | undefined;

  push(plain: Buffer): void {
    this.#try(() => this.#reader.push(plain));
  }

  finish(): Seen {
    const contents = this.#try(() => this.#reader.finish());
    return contents === undefined ? { fault: this.#fault as OffsiteError } : { contents };
  }

  #try<T>(read: () => T): T | undefined {
    try {
      return this.#fault === undefined ? read() : undefined;
    } catch (error) {
      if (!(error instanceof OffsiteError)) throw error;
      this.#fault = error;
      return undefined;
    }
  }
}

async function contentDeviations(
  store: ArchiveStore,
  id: ArchiveId,
  manifest: BaseBackupManifest,
  seen: Seen,
): Promise<Deviation[]> {
  if ('fault' in seen) {
    const { expected, found } = seen.fault;
    return [{ what: 'what is in the tar', expected, found }];
  }
  const { serverManifest, serverManifestText, files, systemIdentifier } = seen.contents;
  const { timeline, start, end } = serverManifest.walRange;
  const beside = (await store.readText(baseBackupKeys(id).serverManifest))?.text;
  const compared: [string, string | number, string | number][] = [
    ['system identifier', manifest.cluster.systemIdentifier, systemIdentifier],
    ['timeline', manifest.timeline, timeline],
    ['where its log begins', manifest.startLsn, start],
    ['where its log ends', manifest.stopLsn, end],
    ['files', manifest.files, files],
    [
      'backup_manifest beside it',
      'that of the tar',
      beside === serverManifestText ? 'that of the tar' : 'another',
    ],
  ];
  return compared
    .filter(([, expected, found]) => expected !== found)
    .map(([what, expected, found]) => ({ what, expected: String(expected), found: String(found) }));
}

function tooLarge({ id, compressedBytes, plainBytes }: BaseBackupManifest, limits: ReadLimits): OffsiteError {
  return new OffsiteError('ARCHIVE_TOO_LARGE', `${id} cannot be read in the time that a function has`, {
    expected: `${formatBytes(limits.compressedBytes)}, ${formatBytes(limits.plainBytes)} plain, at most`,
    found: `${formatBytes(compressedBytes)}, ${formatBytes(plainBytes)} plain`,
    hint: "the stack has a task that judges it: npx cdk deploy brings it; 'offsite guard' on a machine of yours has no such limit",
  });
}
