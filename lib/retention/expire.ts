// expire: plans retention for every source, then does what the plan says, manifest first: an interruption leaves an
// archive without manifest, which is no archive, and which a later run removes. What stays is held against its verdict, and
// what is in doubt or due is asked for (`due/`): `verify` reads it again.

import type { CatalogueEntry } from '../archive/catalogue-of.ts';
import { ofDatabase } from '../archive/kind.ts';
import { archiveKeys, parseArchiveId } from '../archive/names.ts';
import { readCatalogue } from '../archive/read-catalogue.ts';
import type { ArchiveStore } from '../store/store.ts';
import { askFor, type ExpireOptions } from './expire-kind.ts';
import { type Hold, type Holds, holdsPrefix, parseHold, parseHoldKey } from './hold.ts';
import { extendLocks } from './lock.ts';
import { keptOf, planRetention } from './plan.ts';
import { planReadings } from './readings.ts';
import { noteRetentionRun } from './run.ts';
import { eachSource, sourcesOf, throwFailures } from './sources.ts';
import { parseStoredPlan, planKey, remember, serializePlan } from './stored-plan.ts';

/**
 * Expires what the policy no longer keeps, of every source in the store, and leaves word of it for `watch`.
 *
 * @param besides - Why what else is kept of a source stands still, by its name: told with what is found here.
 * @throws As {@link throwFailures} does, once all others are done.
 */
export async function expire(
  options: ExpireOptions,
  besides?: Promise<Readonly<Record<string, string>>>,
): Promise<void> {
  const { store, policy, now, dryRun, rereadPercent = 0 } = options;
  const standsStill: Record<string, string> = {};
  const failures = await eachSource(await sourcesOf(store, ofDatabase), async (source) => {
    const { entries, leftovers, before } = await readLeft(store, source);
    // Read after the catalogue: an archive that is seen back has its hold by then.
    const plan = planRetention(source, entries, policy, now, await readHolds(store, source));
    const readings = planReadings(keptOf(plan, entries), { ...policy, rereadPercent }, now);
    if (!dryRun) {
      await extendLocks(plan, archiveKeys, options);
      // Before anything is deleted: what an interruption leaves is not taken for lost.
      const memory = remember(before, entries, plan, policy);
      await store.write(planKey(source), serializePlan(plan, leftovers, memory));
      for (const { id } of plan.expire) await deleteArchive(store, id);
      await askFor(readings, ofDatabase, options);
    }
    if (plan.standstill !== undefined) standsStill[source] = plan.standstill;
    options.onPlan({ ...plan, kind: 'database', readings });
  });
  for (const [source, reason] of Object.entries((await besides) ?? {}))
    standsStill[source] = [standsStill[source], reason].filter((one) => one !== undefined).join('; ');
  if (!dryRun) await noteRetentionRun(store, { endedAt: now, standsStill });
  throwFailures(failures);
}

/** A source's archives. What an earlier run began to delete is in no doubt: nobody else has taken its manifest. */
async function readLeft(store: ArchiveStore, source: string) {
  const before = parseStoredPlan((await store.readText(planKey(source)))?.text ?? '');
  const begun = new Set(before?.expire);
  const isLeft = ({ id, standing }: CatalogueEntry) =>
    begun.has(id.id) && (standing === 'no manifest' || standing === 'missing');
  const entries = await readCatalogue(store, source);
  return {
    entries: entries.map((entry) => (isLeft(entry) ? { ...entry, isInDoubt: false } : entry)),
    leftovers: entries.filter(isLeft).map(({ id }) => id.id),
    before,
  };
}

/** Manifest first. */
async function deleteArchive(store: ArchiveStore, id: string): Promise<void> {
  const { manifest, verdict, archive } = archiveKeys(parseArchiveId(id));
  for (const key of [manifest, verdict, archive]) await store.delete(key);
}

/** All holds of a source, those that have ended among them. */
export async function readHolds(store: ArchiveStore, source: string): Promise<Holds> {
  const holds = new Map<string, Hold | undefined>();
  for await (const { key } of store.list(`${holdsPrefix}${source}/`)) {
    const id = parseHoldKey(key)?.id.id;
    const stored = id && (await store.readText(key));
    if (stored) holds.set(id, parseHold(stored.text, id));
  }
  return holds;
}
