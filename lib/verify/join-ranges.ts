// join-ranges: makes one verdict of what the readers of an archive's ranges saw: the same that one reader of the whole
// would give. Where a part of the dump was scanned on a wrong guess, it says which one has to be scanned again.

import type { Inventory } from '../archive/inventory.ts';
import type { Manifest } from '../archive/manifest.ts';
import { parseArchiveId } from '../archive/names.ts';
import { readVerdict } from '../archive/read-catalogue.ts';
import { readManifest } from '../archive/read-manifest.ts';
import { judge, type Verdict } from '../archive/verdict.ts';
import { eachOf } from '../base/each-of.ts';
import { OffsiteError } from '../base/errors.ts';
import type { Mail } from '../mail/mail.ts';
import { JoinedScan } from '../sql/join-scans.ts';
import { DumpScanner } from '../sql/scanner.ts';
import type { ArchiveStore } from '../store/store.ts';
import { goneSchema, joinReadings, type RangeReading, rangeReadingSchema } from './join-readings.ts';
import { type ArchiveRange, planRanges, type RangeJob, rangeKeys } from './plan.ts';
import { renew, runOf, speaksOf } from './renew.ts';
import { announceVerdict, conclude, type Sight } from './verify.ts';

const readsInFlight = 16;

export type JoinOptions = {
  readonly store: ArchiveStore;
  readonly job: RangeJob;
  /** When the verification began. */
  readonly began: Date;
  readonly now: () => Date;
  readonly sendMail: (mail: Mail) => Promise<void>;
};

/** Either the verdict, or the index of the range that has to be read again first. */
export type Joined = { readonly verdict: Verdict; readonly isNew: boolean } | { readonly again: number };

/**
 * Joins the readings, and writes the verdict and tells of it as verify does.
 *
 * @throws {@link OffsiteError} `STORE_FAILED` if a reading is not there.
 */
export async function joinRanges({ store, job, began, now, sendMail }: JoinOptions): Promise<Joined> {
  const id = parseArchiveId(job.id);
  const manifest = await readManifest(store, id);
  const before = await readVerdict(store, id);
  const same = before !== undefined && (await speaksOf(before, store, id)) ? before : undefined;
  const isRenewal = same !== undefined && job.run === runOf(job, same);
  if (same !== undefined && !isRenewal) return { verdict: same, isNew: false };
  const ranges = planRanges(manifest, job.limits);
  const readings = await readReadings(store, job, ranges);
  const sight = { id, manifest, opened: job, began, rangeReaders: ranges.length };
  if (isRenewal && readings !== undefined && !isDamaged(manifest, joinReadings(manifest, ranges, readings)))
    return { verdict: await renew(store, same, now()), isNew: false };
  const found = readings && (await joinFound(store, job, manifest, ranges, readings));
  if (found !== undefined && 'again' in found) return found;
  const verdict = await conclude(store, { ...sight, found, ended: now() });
  await announceVerdict(store, verdict, sendMail, before);
  return { verdict, isNew: true };
}

async function joinFound(
  store: ArchiveStore,
  job: RangeJob,
  manifest: Manifest,
  ranges: readonly ArchiveRange[],
  readings: readonly RangeReading[],
): Promise<Sight['found'] | { readonly again: number }> {
  const reading = joinReadings(manifest, ranges, readings);
  // What is in damaged bytes is of no interest.
  if (isDamaged(manifest, reading)) return { ...reading, inventory: noInventory() };
  const inventory = await joinScans(store, job, readings);
  return typeof inventory === 'number' ? { again: inventory } : { ...reading, inventory };
}

function isDamaged(manifest: Manifest, reading: ReturnType<typeof joinReadings>): boolean {
  return judge(manifest, { ...reading, inventory: noInventory() }).verdict === 'damaged';
}

function noInventory(): Inventory {
  return new DumpScanner().finish();
}

/** @returns The index of the first part that was scanned from elsewhere than where it begins, if there is one. */
async function joinScans(
  store: ArchiveStore,
  job: RangeJob,
  readings: readonly RangeReading[],
): Promise<Inventory | number> {
  const joined = new JoinedScan();
  for (const [index, { scan }] of readings.entries()) {
    if (scan !== undefined && joined.add(scan)) continue;
    await store.write(rangeKeys(parseArchiveId(job.id), job).start(index), JSON.stringify(joined.next));
    return index;
  }
  return joined.finish();
}

/** @returns `undefined` if the archive was not there when a range was to be read. */
async function readReadings(
  store: ArchiveStore,
  job: RangeJob,
  ranges: readonly ArchiveRange[],
): Promise<RangeReading[] | undefined> {
  const keys = rangeKeys(parseArchiveId(job.id), job);
  const readings = await eachOf(ranges, readsInFlight, async ({ index }) => {
    const stored = await store.readText(keys.reading(index));
    if (stored === undefined)
      throw new OffsiteError('STORE_FAILED', 'a range of the archive was not read', {
        expected: `what its reader saw, at ${keys.reading(index)}`,
        found: 'nothing there',
        hint: 'the state machine reads every range before it joins: start the execution anew (docs/large-archives.md)',
      });
    return rangeReadingSchema.or(goneSchema).parse(JSON.parse(stored.text));
  });
  const seen = readings.filter((reading) => reading !== 'gone');
  return seen.length === readings.length ? seen : undefined;
}
