// verify: re-reads an archive byte by byte and judges it. The handler does this in the cloud and keeps the verdict; the
// CLI does the same on the operator's machine and only prints it.

import type { Manifest } from '../archive/manifest.ts';
import { type ArchiveId, archiveKeys } from '../archive/names.ts';
import { readVerdict } from '../archive/read-catalogue.ts';
import { readHistory } from '../archive/read-history.ts';
import { readManifest } from '../archive/read-manifest.ts';
import { judge, type Observation, type Verdict } from '../archive/verdict.ts';
import type { OffsiteError } from '../base/errors.ts';
import { jsonText } from '../base/parse-json.ts';
import { toolVersion } from '../base/version.ts';
import { tellByTheHour } from '../mail/by-the-hour.ts';
import type { Mail } from '../mail/mail.ts';
import type { ArchiveStore, OpenObject } from '../store/store.ts';
import { faultWords, verdictMail } from './mail.ts';
import { ArchiveGone, ifGone, observe } from './observe.ts';
import { fitsOneReader, holdsAtMost, planRanges, type RangeJob, rangeLimits } from './plan.ts';
import { areAsProven, isDue, renew, runOf, speaksOf, withoutManifest } from './renew.ts';

export type VerifyOptions = {
  readonly store: ArchiveStore;
  readonly id: ArchiveId;
  readonly now: () => Date;
  /** That bring it side by side; default 1. */
  readonly connections?: number | undefined;
};

/**
 * Re-reads an archive and judges it.
 *
 * @throws {@link OffsiteError} If it cannot be judged: no manifest, one of a newer format, or the store fails.
 */
export async function verify(options: VerifyOptions): Promise<Verdict> {
  const manifest = await readManifest(options.store, options.id);
  return judgeArchive(options, manifest, manifest.versionId);
}

/** An archive that was too large to be read right here; its verdict comes from join-ranges. */
export type BegunInRanges = { readonly job: RangeJob; readonly rangeReaders: number };

/**
 * Why an archive is looked at: its manifest was stored (`committed`); an object was stored under its name, the first or one
 * over it (`stored`); or its proof is in doubt or due to be renewed (`due`).
 */
export type Occasion = 'committed' | 'stored' | 'due';

export type VerifyOnceOptions = VerifyOptions & {
  /** Default: `committed`. */
  readonly occasion?: Occasion;
  readonly sendMail: (mail: Mail) => Promise<void>;
  /** Lets ranges be read side by side, unless that was begun before; without it one reader takes its time. */
  readonly readInRanges?: (job: RangeJob, ranges: readonly number[]) => Promise<void>;
};

/**
 * Verifies an archive unless these very bytes have a verdict, or it is time to read them again; tells the operator if they
 * are not intact, and writes the verdict. What one reader cannot read in its time is given to many.
 *
 * @remarks Events come twice. The mail goes first: a run that dies between the two is repeated, and a second mail is
 *   better than none.
 */
export async function verifyOnce(options: VerifyOnceOptions): Promise<Verified | BegunInRanges | Awaiting> {
  const { store, id, now, sendMail, occasion, readInRanges } = options;
  const before = await readVerdict(store, id);
  // Its manifest is still to come, or the event of that.
  if (before === undefined && occasion === 'stored') return { awaits: 'manifest' };
  const manifest = await readManifest(store, id).catch((error) => {
    if (before === undefined || (error as OffsiteError).code !== 'MANIFEST_MISSING') throw error;
  });
  if (manifest === undefined) return manifestGone(before as Verdict, options);
  const same = before !== undefined && (await speaksOf(before, store, id)) ? before : undefined;
  if (same !== undefined && !(occasion === 'due' && isDue(same, now())))
    return { verdict: same, isNew: false };
  // At first the bytes that the manifest speaks of; from then on what is under the name, as `aws s3 cp` would bring it.
  const versionId = before === undefined ? manifest.versionId : undefined;
  const isForOne = readInRanges === undefined || fitsOneReader(manifest);
  const job = isForOne ? undefined : await jobOf(store, manifest, { id, versionId, same });
  if (job !== undefined) {
    const ranges = planRanges(manifest, job.limits).map(({ index }) => index);
    await readInRanges?.(job, ranges);
    return { job, rangeReaders: ranges.length };
  }
  if (same !== undefined && (await areAsProven(store, id, manifest, same)))
    return { verdict: await renew(store, same, now()), isNew: false };
  const verdict = await judgeArchive(options, manifest, versionId);
  await announceVerdict(store, verdict, sendMail, before);
  return { verdict, isNew: true };
}

/** What was stored is not committed yet. */
export type Awaiting = { readonly awaits: 'manifest' };

export type Verified = { readonly verdict: Verdict; readonly isNew: boolean };

/** What was judged had a manifest. Without it nothing says what the bytes should be: that is told once. */
async function manifestGone(before: Verdict, { store, now, sendMail }: VerifyOnceOptions): Promise<Verified> {
  if (before.verdict === 'missing') return { verdict: before, isNew: false };
  const verdict = withoutManifest(before, now());
  await announceVerdict(store, verdict, sendMail, before);
  return { verdict, isNew: true };
}

/**
 * Tells the operator of a verdict that is not `intact`, the first of its hour at once, and writes it.
 *
 * @param before - The one of before. What was proven then, and is so no longer, is told as a loss.
 */
export async function announceVerdict(
  store: ArchiveStore,
  verdict: Verdict,
  sendMail: (mail: Mail) => Promise<void>,
  before?: Verdict | undefined,
): Promise<void> {
  if (verdict.verdict !== 'intact') {
    const teller = { store, sendMail, now: new Date(verdict.verifiedAt) };
    const fault = { source: verdict.source, archive: verdict.id, what: faultWords(verdict, before) };
    await tellByTheHour(teller, fault, verdictMail(verdict, before));
  }
  await store.write(archiveKeys(verdict).verdict, jsonText(verdict));
}

/** @returns `undefined` if there is nothing to read, or less than the manifest claims: one reader can say so. */
async function jobOf(
  store: ArchiveStore,
  manifest: Manifest,
  what: {
    readonly id: ArchiveId;
    readonly versionId: string | null | undefined;
    readonly same: Verdict | undefined;
  },
): Promise<RangeJob | undefined> {
  const opened = await store.open(archiveKeys(what.id).archive, what.versionId);
  opened?.body.destroy();
  if (opened === undefined || fitsOneReader(holdsAtMost(manifest, opened.bytes))) return undefined;
  const { versionId, etag } = opened;
  return { id: what.id.id, versionId, etag, run: runOf(opened, what.same), limits: rangeLimits };
}

async function judgeArchive(
  { store, id, now, connections }: VerifyOptions,
  manifest: Manifest,
  version: string | null | undefined,
): Promise<Verdict> {
  const began = now();
  // The last one that was read: where a version has no id, it may be another than the first.
  const last: { opened?: OpenObject | undefined } = {};
  const open = async () => {
    last.opened = await store.open(archiveKeys(id).archive, last.opened?.versionId ?? version, {
      connections,
    });
    if (last.opened === undefined) throw new ArchiveGone();
    return last.opened.body;
  };
  const found = await observe(open, manifest).catch(ifGone);
  return conclude(store, { id, manifest, ...last, found, began, ended: now() });
}

/** What was seen of an archive, by however many readers. */
export type Sight = {
  readonly id: ArchiveId;
  readonly manifest: Manifest;
  readonly opened?: { readonly versionId: string | null; readonly etag: string } | undefined;
  /** Absent if there is nothing to read. */
  readonly found: Observation | undefined;
  readonly began: Date;
  readonly ended: Date;
  /** If there were several. */
  readonly rangeReaders?: number;
};

/** Makes the verdict of what was seen, and of what the source's archives are like. */
export async function conclude(store: ArchiveStore, sight: Sight): Promise<Verdict> {
  const { id, manifest, opened, found, began, ended, rangeReaders } = sight;
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
    ...(rangeReaders !== undefined && { rangeReaders }),
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
  | 'rangeReaders'
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
