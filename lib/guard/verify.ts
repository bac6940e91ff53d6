// Verifies what a listing shows: nobody tells the guard of new objects, as S3 tells the cloud. What each archive is judged by,
// and who is told of it, is the same.

import type { CatalogueEntry } from '../archive/catalogue-of.ts';
import { parseDueKey } from '../archive/kind.ts';
import { type ArchiveId, duePrefix } from '../archive/names.ts';
import { readCatalogue, sourcesBelow } from '../archive/read-catalogue.ts';
import type { VerdictName } from '../archive/verdict.ts';
import { isDueWalKey } from '../archive/wal-names.ts';
import { OffsiteError } from '../base/errors.ts';
import type { Announced } from '../deployment/events.ts';
import { tellByTheHour } from '../mail/by-the-hour.ts';
import { composeMail, type Mail } from '../mail/mail.ts';
import { tellOnce } from '../mail/tell-once.ts';
import { ofSidecar } from '../sidecar/kind.ts';
import type { ArchiveStore } from '../store/store.ts';
import { noLimits } from '../verify/base-backup.ts';
import { verifyLog } from '../verify/log.ts';
import { unlessAway } from './away.ts';
import { allKinds, judgeArchive } from './judge.ts';

export type VerifyVaultOptions = {
  readonly store: ArchiveStore;
  readonly now: () => Date;
  readonly sendMail: (mail: Mail) => Promise<void>;
  /** That bring an archive side by side. */
  readonly connections?: number | undefined;
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
 * @throws {@link OffsiteError} `STORE_UNREACHABLE` where the store is gone: of the others nothing would be known either.
 */
export async function verifyNew(options: VerifyVaultOptions): Promise<Map<string, unknown>> {
  const { store } = options;
  const failures = new Map<string, unknown>();
  for (const kind of allKinds) {
    const ofPrefix = async (prefix: string, act: () => Promise<void>) =>
      unlessAway(options, act, (error) => failures.set(prefix, error));
    await ofPrefix(kind.prefix, async () => {
      for (const source of await sourcesBelow(store, kind.prefix))
        await ofPrefix(`${kind.prefix}${source}/`, async () => {
          for (const { id } of (await readCatalogue(store, source, { kind })).filter(isUnjudged))
            await attempt(id, failures, options, () => judge({ kind, id, occasion: 'committed' }, options));
        });
    });
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
    for (const kind of allKinds) {
      const id = parseDueKey(kind, key);
      if (id === undefined) continue;
      await attempt(id, failures, options, () => judge({ kind, id, occasion: 'due' }, options));
      // What failed is asked for by the next night again.
      await store.delete(key);
    }
  }
  return failures;
}

/** What is in doubt otherwise, retention asks for: it knows what it has begun to take away. */
function isUnjudged({ standing, hasVerdict }: CatalogueEntry): boolean {
  return standing === 'unverified' || (standing === 'missing' && !hasVerdict);
}

/** Judges one archive and tells of it, as the cloud does when it is announced. */
export async function judge(
  announced: Announced,
  options: Omit<VerifyVaultOptions, 'signal'>,
): Promise<void> {
  const answer = await judgeArchive(announced, { ...options, limits: noLimits });
  if (!('verdict' in answer)) return;
  const { verdict, isNew } = answer;
  const isSidecar = announced.kind === ofSidecar;
  options.onVerdict({ id: verdict.id, isSidecar, verdict: verdict.verdict, isNew });
}

async function attempt(
  id: Pick<ArchiveId, 'id' | 'source'>,
  failures: Map<string, unknown>,
  { store, now, sendMail, signal }: VerifyVaultOptions,
  act: () => Promise<void>,
): Promise<void> {
  await unlessAway({ store, signal }, act, async (error) => {
    failures.set(id.id, error);
    if (!(error instanceof OffsiteError) || !error.code.startsWith('MANIFEST_')) return;
    const fault = { source: id.source, archive: id.id, what: 'not verified' };
    const teller = { store, sendMail, now: now() };
    const tell = async (mail: Mail) => void (await tellByTheHour(teller, fault, mail));
    await tellOnce({ ...teller, sendMail: tell }, `unverified-${id.id}`, unverifiedMail(id, error));
  });
}

function unverifiedMail({ id }: Pick<ArchiveId, 'id'>, error: OffsiteError): Mail {
  return composeMail(`[offsite] NOT VERIFIED: ${id}`, [
    `${id} cannot be judged: ${error.message}. It has no verdict, and counts as unverified.`,
    `expected  ${error.expected}\nfound     ${error.found}`,
    `What to do: ${error.hint}.`,
    'This mail comes once.',
  ]);
}
