// judged-archive: the bytes that a verdict calls intact, and no others.

import { pipeline } from 'node:stream/promises';
import { isAccepted } from '../archive/acceptance.ts';
import type { Manifest } from '../archive/manifest.ts';
import { type ArchiveId, archiveKeys } from '../archive/names.ts';
import { checked, openArchive } from '../archive/open-archive.ts';
import { readAcceptance, readVerdict } from '../archive/read-catalogue.ts';
import type { Verdict } from '../archive/verdict.ts';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore, OpenObject } from '../store/store.ts';

/** Of an archive that counts as intact: a suspicious one does once the operator has accepted it. */
export type IntactVerdict = Extract<Verdict, { verdict: 'intact' | 'suspicious' }>;

/**
 * Reads the verdict on an archive.
 *
 * @throws {@link OffsiteError} `NOTHING_INTACT` if there is none, or none that says `intact`.
 */
export async function readIntactVerdict(store: ArchiveStore, id: ArchiveId): Promise<IntactVerdict> {
  const verdict = await readVerdict(store, id);
  if (verdict?.verdict === 'intact' && verdict.id === id.id) return verdict;
  if (verdict?.verdict === 'suspicious' && verdict.id === id.id) {
    if (isAccepted(verdict, await readAcceptance(store, verdict))) return verdict;
  }
  throw new OffsiteError(
    'NOTHING_INTACT',
    `${id.id} is not known to be intact; no restore test was started`,
    {
      expected: `the verdict 'intact' in ${archiveKeys(id).verdict}`,
      found: verdict === undefined ? 'no verdict' : `'${verdict.verdict}' on ${verdict.id}`,
      hint: 'wait for its verdict, or choose an archive that has one (offsite list)',
    },
  );
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
    hint: "find out who wrote it (the store's access log; AWS: CloudTrail): nothing here ever overwrites an archive; back up again now (offsite backup)",
  });
}

/** A dump that no server takes; of bytes that were flipped in the store, a server sees nothing else. */
const blamesDump: readonly string[] = ['RESTORE_FAILED', 'RESTORE_REFUSED', 'DUMP_INCOMPLETE'];

/**
 * Asks whose fault it is that a dump was not taken: its own, or that of bytes which are not the agent's any more.
 *
 * @param error - What the restore threw.
 * @returns `ARCHIVE_DAMAGED` if the stored bytes, read once more to their end, are others than those of the manifest; else
 *   the error itself.
 */
export async function blameBytes(
  error: unknown,
  {
    store,
    id,
    manifest,
    signal,
  }: { store: ArchiveStore; id: ArchiveId; manifest: Manifest; signal?: AbortSignal | undefined },
): Promise<unknown> {
  if (!(error instanceof OffsiteError) || !blamesDump.includes(error.code)) return error;
  try {
    const { body } = await openArchive(store, id, manifest);
    await pipeline(body, checked(manifest), nowhere, signal === undefined ? {} : { signal });
    return error;
  } catch (damage) {
    // What the restore said is worth more than that the bytes could not be asked.
    const isDamage = damage instanceof OffsiteError && damage.code === 'ARCHIVE_DAMAGED';
    return isDamage ? damage : error;
  }
}

async function nowhere(chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of chunks);
}
