// Verifies what a listing shows: nobody tells the guard of new objects, as S3 tells the cloud. What each archive is judged by,
// and who is told of it, is the same.

import { parseDueBaseBackupKey } from '../archive/base-backup-names.ts';
import type { CatalogueEntry } from '../archive/catalogue-of.ts';
import {
  type ArchiveId,
  archivesPrefix,
  dueKey,
  duePrefix,
  isArchiveId,
  parseArchiveId,
} from '../archive/names.ts';
import { readCatalogue } from '../archive/read-catalogue.ts';
import { readKind } from '../archive/read-kind.ts';
import type { VerdictName } from '../archive/verdict.ts';
import { isDueWalKey } from '../archive/wal-names.ts';
import { OffsiteError } from '../base/errors.ts';
import { ofBaseBackups } from '../basebackup/kind.ts';
import { tellByTheHour } from '../mail/by-the-hour.ts';
import { composeMail, type Mail } from '../mail/mail.ts';
import { tellOnce } from '../mail/tell-once.ts';
import { readSidecars } from '../sidecar/list.ts';
import { sidecarsPrefix } from '../sidecar/names.ts';
import { verifySidecarOnce } from '../sidecar/verify.ts';
import type { ArchiveStore } from '../store/store.ts';
import { noLimits, verifyBaseBackupOnce } from '../verify/base-backup.ts';
import { verifyLog } from '../verify/log.ts';
import { type Occasion, verifyOnce } from '../verify/verify.ts';

export type VerifyVaultOptions = {
  readonly store: ArchiveStore;
  readonly now: () => Date;
  readonly sendMail: (mail: Mail) => Promise<void>;
  /** That bring an archive side by side. */
  readonly connections?: number | undefined;
  /** Is given each verdict. */
  readonly onVerdict: (judged: Judged) => void;
  readonly signal?: AbortSignal | undefined;
};

/** What came of an archive. */
export type Judged = {
  readonly id: string;
  readonly isSidecar: boolean;
  readonly verdict: VerdictName;
  /** Whether it was given now; else its bytes are as they were. */
  readonly isNew: boolean;
};

/**
 * Verifies all archives that have no verdict, or have other bytes than it speaks of.
 *
 * @returns What went wrong with those that could not be judged, by their ids. Of what is wrong with themselves the operator was
 *   told, once.
 */
export async function verifyNew(options: VerifyVaultOptions): Promise<Map<string, unknown>> {
  const { store } = options;
  const failures = new Map<string, unknown>();
  for (const source of await store.folders(archivesPrefix)) {
    for (const { id } of (await readCatalogue(store, source)).filter(isUnjudged))
      await attempt(id, failures, options, () => judge(id, 'committed', options));
  }
  for (const source of await store.folders(sidecarsPrefix)) {
    for (const { id } of (await readSidecars(store, source)).filter(isDoubtful))
      await attempt(id, failures, options, () => judgeSidecar(id, options));
  }
  for (const source of await store.folders(ofBaseBackups.prefix)) {
    for (const { id } of (await readKind(store, ofBaseBackups, source)).filter(isDoubtful))
      await attempt(id, failures, options, () => judgeBaseBackup(id, options));
  }
  return failures;
}

/** Reads again what retention asks for (`due/`), and takes the requests away. @returns As {@link verifyNew}. */
export async function verifyDue(options: VerifyVaultOptions): Promise<Map<string, unknown>> {
  const { store } = options;
  const failures = new Map<string, unknown>();
  const keys: string[] = [];
  for await (const { key } of store.list(duePrefix)) keys.push(key);
  for (const key of keys) {
    if (isDueWalKey(key)) {
      // `watch` asks once: a request that failed stays.
      await attempt({ id: key, source: key.split('/')[1] ?? '' }, failures, options, async () => {
        await verifyLog({ ...options, key });
        await store.delete(key);
      });
      continue;
    }
    const baseBackup = parseDueBaseBackupKey(key);
    if (baseBackup !== undefined) {
      await attempt(baseBackup, failures, options, () => judgeBaseBackup(baseBackup, options, true));
      await store.delete(key);
      continue;
    }
    const name = key.slice(key.lastIndexOf('/') + 1).replace(/\.json$/, '');
    if (!isArchiveId(name) || dueKey(parseArchiveId(name)) !== key) continue;
    const id = parseArchiveId(name);
    await attempt(id, failures, options, () => judge(id, 'due', options));
    // What failed is asked for by the next night again.
    await store.delete(key);
  }
  return failures;
}

/** What is in doubt otherwise, retention asks for: it knows what it has begun to take away. */
function isUnjudged({ standing, hasVerdict }: CatalogueEntry): boolean {
  return standing === 'unverified' || (standing === 'missing' && !hasVerdict);
}

/** Of these kinds retention asks for nothing: what was proven, and is deleted or overwritten, is found here. */
function isDoubtful({ standing, hasVerdict }: CatalogueEntry): boolean {
  return (
    standing === 'unverified' || standing === 'missing' || (standing === 'no manifest' && hasVerdict === true)
  );
}

/** Judges one archive and tells of it, as the cloud does when it is announced. */
export async function judge(
  id: ArchiveId,
  occasion: Occasion,
  options: Omit<VerifyVaultOptions, 'signal'>,
): Promise<void> {
  const answer = await verifyOnce({ ...options, id, occasion });
  if ('verdict' in answer)
    options.onVerdict({
      id: id.id,
      isSidecar: false,
      verdict: answer.verdict.verdict,
      isNew: answer.isNew,
    });
}

async function judgeSidecar(id: ArchiveId, options: VerifyVaultOptions): Promise<void> {
  const { verdict, isNew } = await verifySidecarOnce({ ...options, id });
  if (isNew) options.onVerdict({ id: id.id, isSidecar: true, verdict: verdict.verdict, isNew });
}

async function judgeBaseBackup(id: ArchiveId, options: VerifyVaultOptions, isDue = false): Promise<void> {
  const { verdict, isNew } = await verifyBaseBackupOnce({ ...options, id, isDue, limits: noLimits });
  if (isNew) options.onVerdict({ id: id.id, isSidecar: false, verdict: verdict.verdict, isNew });
}

async function attempt(
  id: Pick<ArchiveId, 'id' | 'source'>,
  failures: Map<string, unknown>,
  { store, now, sendMail, signal }: VerifyVaultOptions,
  act: () => Promise<void>,
): Promise<void> {
  signal?.throwIfAborted();
  try {
    await act();
  } catch (error) {
    signal?.throwIfAborted();
    failures.set(id.id, error);
    if (!(error instanceof OffsiteError) || !error.code.startsWith('MANIFEST_')) return;
    const fault = { source: id.source, archive: id.id, what: 'not verified' };
    const teller = { store, sendMail, now: now() };
    const tell = async (mail: Mail) => void (await tellByTheHour(teller, fault, mail));
    await tellOnce({ ...teller, sendMail: tell }, `unverified-${id.id}`, unverifiedMail(id, error));
  }
}

function unverifiedMail({ id }: Pick<ArchiveId, 'id'>, error: OffsiteError): Mail {
  return composeMail(`[offsite] NOT VERIFIED: ${id}`, [
    `${id} cannot be judged: ${error.message}. It has no verdict, and counts as unverified.`,
    `expected  ${error.expected}\nfound     ${error.found}`,
    `What to do: ${error.hint}.`,
    'This mail comes once.',
  ]);
}
