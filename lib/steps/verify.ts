// verify: re-reads an archive byte by byte and judges it. The handler does this in the cloud and keeps the verdict; the
// CLI does the same on the operator's machine and only prints it.

import { verdictMail } from '../core/alert-mails.ts';
import { type ArchiveId, archiveKeys } from '../core/archive.ts';
import type { Mail } from '../core/mail.ts';
import type { Manifest } from '../core/manifest.ts';
import { judge, type Observation, type Verdict } from '../core/verdict.ts';
import { toolVersion } from '../core/version.ts';
import type { ArchiveStore } from '../io/archive-store.ts';
import { readVerdict } from './catalogue.ts';
import { readHistory } from './history.ts';
import { readManifest } from './manifest.ts';
import { observe } from './observe.ts';

export type VerifyOptions = {
  readonly store: ArchiveStore;
  readonly id: ArchiveId;
  readonly now: () => Date;
};

/**
 * Re-reads an archive and judges it.
 *
 * @throws {@link OffsiteError} If it cannot be judged: no manifest, one of a newer format, or the store fails.
 */
export async function verify({ store, id, now }: VerifyOptions): Promise<Verdict> {
  return judgeArchive(store, id, await readManifest(store, id), now);
}

/**
 * Verifies an archive unless these very bytes have a verdict, tells the operator if they are not intact, and writes the
 * verdict.
 *
 * @remarks Events come twice. The mail goes first: a run that dies between the two is repeated, and a second mail is
 *   better than none.
 */
export async function verifyOnce(
  options: VerifyOptions & { readonly sendMail: (mail: Mail) => Promise<void> },
): Promise<{ verdict: Verdict; isNew: boolean }> {
  const { store, id, now, sendMail } = options;
  const manifest = await readManifest(store, id);
  const earlier = await readVerdict(store, id);
  if (earlier !== undefined && (await speaksOf(earlier, store, id, manifest))) {
    return { verdict: earlier, isNew: false };
  }
  const verdict = await judgeArchive(store, id, manifest, now);
  if (verdict.verdict !== 'intact') await sendMail(verdictMail(verdict));
  await store.write(archiveKeys(id).verdict, `${JSON.stringify(verdict, null, 1)}\n`);
  return { verdict, isNew: true };
}

async function judgeArchive(
  store: ArchiveStore,
  id: ArchiveId,
  manifest: Manifest,
  now: () => Date,
): Promise<Verdict> {
  const began = now();
  const opened = await store.open(archiveKeys(id).archive, manifest.versionId);
  const found = opened && (await observe(opened.body, manifest));
  const ended = now();
  const common = {
    format: 1 as const,
    id: id.id,
    source: id.source,
    versionId: opened?.versionId ?? manifest.versionId,
    etag: opened?.etag ?? manifest.etag,
    verifiedAt: ended.toISOString(),
    durationMs: ended.getTime() - began.getTime(),
    toolVersion,
    compressedBytes: found?.compressedBytes ?? 0,
    plainBytes: found?.plainBytes ?? 0,
  };
  if (found === undefined)
    return { verdict: 'missing', ...common, deviations: [missingArchive(id, manifest)] };
  return verdictOf(common, judge(manifest, found, await readHistory(store, id)), found);
}

type Common = Pick<
  Verdict,
  | 'format'
  | 'id'
  | 'source'
  | 'versionId'
  | 'etag'
  | 'verifiedAt'
  | 'durationMs'
  | 'toolVersion'
  | 'compressedBytes'
  | 'plainBytes'
>;

function verdictOf(common: Common, judgement: ReturnType<typeof judge>, { inventory }: Observation): Verdict {
  // What was scanned of damaged bytes proves nothing.
  if (judgement.verdict === 'damaged')
    return { ...common, verdict: 'damaged', deviations: judgement.deviations };
  if (judgement.verdict === 'intact') return { ...common, verdict: 'intact', inventory };
  return { ...common, verdict: judgement.verdict, deviations: judgement.deviations, inventory };
}

function missingArchive(id: ArchiveId, { compressedBytes, versionId }: Manifest) {
  return {
    what: 'archive',
    expected: `${compressedBytes} bytes at ${archiveKeys(id).archive}${versionId ? `, version ${versionId}` : ''}`,
    found: 'nothing there',
  };
}

async function speaksOf(
  verdict: Verdict,
  store: ArchiveStore,
  id: ArchiveId,
  manifest: Manifest,
): Promise<boolean> {
  const opened = await store.open(archiveKeys(id).archive, manifest.versionId);
  opened?.body.destroy();
  if (opened === undefined) return verdict.verdict === 'missing';
  return (
    verdict.verdict !== 'missing' && opened.etag === verdict.etag && opened.versionId === verdict.versionId
  );
}
