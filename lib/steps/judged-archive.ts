// judged-archive: the bytes that a verdict calls intact, and no others.

import { isAccepted } from '../core/acceptance.ts';
import { type ArchiveId, archiveKeys } from '../core/archive.ts';
import { OffsiteError } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import { type Verdict, verdictSchema } from '../core/verdict.ts';
import type { ArchiveStore, OpenObject } from '../io/archive-store.ts';
import { readAcceptance } from './catalogue.ts';
import { openArchive } from './open-archive.ts';

/** Of an archive that counts as intact: a suspicious one does once the operator has accepted it. */
export type IntactVerdict = Extract<Verdict, { verdict: 'intact' | 'suspicious' }>;

/**
 * Reads the verdict on an archive.
 *
 * @throws {@link OffsiteError} `NOTHING_INTACT` if there is none, or none that says `intact`.
 */
export async function readIntactVerdict(store: ArchiveStore, id: ArchiveId): Promise<IntactVerdict> {
  const key = archiveKeys(id).verdict;
  const stored = await store.readText(key);
  const verdict = stored && verdictSchema.safeParse(parseJson(stored.text)).data;
  if (verdict?.verdict === 'intact' && verdict.id === id.id) return verdict;
  if (verdict?.verdict === 'suspicious' && verdict.id === id.id) {
    if (isAccepted(verdict, await readAcceptance(store, verdict))) return verdict;
  }
  throw new OffsiteError('NOTHING_INTACT', `${id.id} is not known to be intact`, {
    expected: `the verdict 'intact' in ${key}`,
    found: verdict ? `'${verdict.verdict}' on ${verdict.id}` : stored ? 'no readable verdict' : 'no verdict',
    hint: 'choose an intact archive (offsite list), or let this one be verified first (offsite verify)',
  });
}

/**
 * Opens the archive, if its bytes are still those that the verdict speaks of.
 *
 * @throws {@link OffsiteError} `ARCHIVE_CHANGED`, `ARCHIVE_MISSING`.
 */
export async function openJudged(
  store: ArchiveStore,
  id: ArchiveId,
  manifest: Manifest,
  verdict: IntactVerdict,
): Promise<OpenObject> {
  const opened = await openArchive(store, id, manifest);
  if (opened.etag === verdict.etag && opened.versionId === verdict.versionId) return opened;
  opened.body.destroy();
  throw new OffsiteError('ARCHIVE_CHANGED', `the archive ${id.id} was changed after it was verified`, {
    expected: `ETag ${verdict.etag}, version ${verdict.versionId ?? 'none'}, as in the verdict`,
    found: `ETag ${opened.etag}, version ${opened.versionId ?? 'none'}`,
    hint: 'find out who wrote it (CloudTrail): nothing here ever overwrites an archive; back up again now',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
