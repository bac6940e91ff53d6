// Renewing a proof: an archive that was judged is read again, and its verdict notes when. Nothing is inflated or scanned:
// the same bytes are the same dump. What is not the same any more is judged anew.

import { createHash } from 'node:crypto';
import type { Manifest } from '../archive/manifest.ts';
import { type ArchiveId, archiveKeys } from '../archive/names.ts';
import { ArchiveProof } from '../archive/open-archive.ts';
import { readVerdict } from '../archive/read-catalogue.ts';
import { lastRead, type Verdict } from '../archive/verdict.ts';
import { OffsiteError } from '../base/errors.ts';
import { jsonText } from '../base/parse-json.ts';
import { hoursBetween } from '../base/quantities.ts';
import { storeError } from '../store/errors.ts';
import type { ArchiveStore } from '../store/store.ts';

/** Events come twice, and late; nothing is planned more often than daily. */
const restHours = 12;

/** Whether bytes were proven, and long enough ago. Of damaged or missing ones there is nothing to renew. */
export function isDue(verdict: Pick<Verdict, 'verdict' | 'verifiedAt' | 'lastReadAt'>, now: Date): boolean {
  const isProven = verdict.verdict === 'intact' || verdict.verdict === 'suspicious';
  return isProven && hoursBetween(new Date(lastRead(verdict)), now) >= restHours;
}

/** Whether a verdict speaks of what is under the archive's name now. */
export async function speaksOf(verdict: Verdict, store: ArchiveStore, id: ArchiveId): Promise<boolean> {
  const opened = await store.open(archiveKeys(id).archive);
  opened?.body.destroy();
  if (opened === undefined) return verdict.verdict === 'missing';
  return (
    verdict.verdict !== 'missing' && opened.etag === verdict.etag && opened.versionId === verdict.versionId
  );
}

/**
 * Reads an archive again.
 *
 * @returns Whether its bytes are those of the manifest still.
 * @throws What the store fails with: that says nothing of the bytes.
 */
export async function areAsProven(
  store: ArchiveStore,
  id: ArchiveId,
  manifest: Manifest,
  { versionId }: Verdict,
): Promise<boolean> {
  const opened = await store.open(archiveKeys(id).archive, versionId);
  if (opened === undefined) return false;
  const proof = new ArchiveProof(manifest);
  try {
    for await (const chunk of opened.body) proof.push(chunk);
    proof.finish();
    return true;
  } catch (error) {
    if (error instanceof OffsiteError && error.code === 'ARCHIVE_DAMAGED') return false;
    throw error instanceof OffsiteError ? error : storeError(error, 'reading the archive');
  } finally {
    opened.body.destroy();
  }
}

/** Notes in a verdict that its bytes were read again, unless another verdict was given meanwhile. */
export async function renew(store: ArchiveStore, verdict: Verdict, now: Date): Promise<Verdict> {
  const there = await readVerdict(store, verdict);
  if (there?.verifiedAt !== verdict.verifiedAt || there.verdict !== verdict.verdict) return there ?? verdict;
  const renewed = { ...verdict, lastReadAt: now.toISOString() };
  await store.write(archiveKeys(verdict).verdict, jsonText(renewed));
  return renewed;
}

/**
 * Names a reading in ranges.
 *
 * @param renewed - The verdict that it renews: each time it is read again is another reading.
 */
export function runOf(
  { versionId, etag }: Pick<Verdict, 'versionId' | 'etag'>,
  renewed: Verdict | undefined,
): string {
  const when = renewed === undefined ? '' : ` ${lastRead(renewed)}`;
  return createHash('sha256').update(`${versionId} ${etag}${when}`).digest('hex').slice(0, 16);
}

/** The verdict on an archive whose manifest is gone, made of the one of before. */
export function withoutManifest(before: Verdict, now: Date): Verdict {
  const { format, id, source, versionId, etag, toolVersion } = before;
  const expected = `what was committed, at ${archiveKeys(before).manifest}`;
  const deviations = [{ what: 'manifest', expected, found: 'nothing there' }];
  const read = { durationMs: 0, compressedBytes: 0, plainBytes: 0, verifiedAt: now.toISOString() };
  return { verdict: 'missing', format, id, source, versionId, etag, toolVersion, ...read, deviations };
}
