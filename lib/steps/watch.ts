// watch: how old is the newest proof of each source? Tells the operator when it is too old, and when it is well again;
// and once of each archive that never got a manifest.

import { orphanMail, overdueMail, recoveredMail } from '../core/alert-mails.ts';
import { archivesPrefix, reportsPrefix } from '../core/archive.ts';
import { newestIntact } from '../core/catalogue.ts';
import {
  type FreshnessLimits,
  findOrphans,
  findOverdue,
  type Overdue,
  type WatchState,
  watchStateSchema,
  whatToTell,
} from '../core/freshness.ts';
import type { Mail } from '../core/mail.ts';
import { hoursBetween } from '../core/quantities.ts';
import { parseRestoreReport } from '../core/restore-report.ts';
import type { ArchiveStore } from '../io/archive-store.ts';
import { readCatalogue } from './catalogue.ts';
import { forEachSource } from './sources.ts';

export type WatchOptions = {
  readonly store: ArchiveStore;
  /** Sources that archives are expected of; others that have archives are watched too. */
  readonly sources: readonly string[];
  readonly limits: FreshnessLimits;
  readonly now: Date;
  readonly sendMail: (mail: Mail) => Promise<void>;
};

/** What was seen of one source. Ages are missing where there is no proof at all. */
export type Sighting = {
  readonly source: string;
  readonly newestIntactId?: string | undefined;
  readonly newestIntactAgeHours?: number | undefined;
  readonly restoreTestAgeHours?: number | undefined;
  readonly overdue: readonly Overdue[];
  readonly told: 'overdue' | 'recovered' | 'nothing';
  /** Archives that never got a manifest. */
  readonly orphanIds: readonly string[];
};

/** Looks at every source once. */
export async function watch(options: WatchOptions): Promise<Sighting[]> {
  const stored = await options.store.folders(archivesPrefix);
  const sources = [...new Set([...options.sources, ...stored])];
  const sightings = new Map<string, Sighting>();
  await forEachSource(sources, async (source) => {
    sightings.set(source, await watchSource(source, options));
  });
  return sources.flatMap((source) => sightings.get(source) ?? []);
}

async function watchSource(
  source: string,
  { store, limits, now, sendMail }: WatchOptions,
): Promise<Sighting> {
  const stateKey = `watch/${source}.json`;
  const stored = await store.readText(stateKey);
  const state = parseState(stored?.text, now);
  const entries = await readCatalogue(store, source, { intactEnough: 1 });
  const newest = newestIntact(entries);
  const restoreTestPassedAt = await newestPassedTest(store, source);
  const proofs = {
    firstSeenAt: new Date(state.firstSeenAt),
    newestIntactAt: newest?.freshAt,
    restoreTestPassedAt,
  };
  const overdue = findOverdue(proofs, limits, now);
  const told = whatToTell(state, overdue, now);
  if (told === 'overdue') await sendMail(overdueMail(source, overdue));
  if (told === 'recovered') await sendMail(recoveredMail(source));
  const orphans = findOrphans(entries, now);
  const newOrphans = orphans.filter(({ id }) => !state.toldOrphans.includes(id.id));
  if (newOrphans.length > 0) await sendMail(orphanMail(source, newOrphans));
  const orphanIds = orphans.map(({ id }) => id.id);
  const next = JSON.stringify(nextState(state, overdue, told, orphanIds, now));
  if (next !== stored?.text) await store.write(stateKey, next);
  return {
    source,
    newestIntactId: newest?.id.id,
    newestIntactAgeHours: newest && hoursBetween(newest.freshAt, now),
    restoreTestAgeHours: restoreTestPassedAt && hoursBetween(restoreTestPassedAt, now),
    overdue,
    told,
    orphanIds,
  };
}

function nextState(
  state: WatchState,
  overdue: readonly Overdue[],
  told: Sighting['told'],
  toldOrphans: string[],
  now: Date,
): WatchState {
  return {
    firstSeenAt: state.firstSeenAt,
    toldAt: told === 'overdue' ? now.toISOString() : state.toldAt,
    toldOf: overdue.map(({ subject }) => subject),
    toldOrphans,
  };
}

function parseState(text: string | undefined, now: Date): WatchState {
  const parsed = text === undefined ? undefined : watchStateSchema.safeParse(safeJson(text));
  // A state that cannot be read costs a repeated mail, never a missing one.
  return parsed?.success ? parsed.data : { firstSeenAt: now.toISOString(), toldOf: [], toldOrphans: [] };
}

async function newestPassedTest(store: ArchiveStore, source: string): Promise<Date | undefined> {
  const keys: { key: string; storedAt: Date }[] = [];
  for await (const { key, storedAt } of store.list(`${reportsPrefix}${source}/`)) {
    if (key.endsWith('.json')) keys.push({ key, storedAt });
  }
  keys.sort((one, other) => other.storedAt.getTime() - one.storedAt.getTime());
  for (const { key } of keys) {
    const stored = await store.readText(key);
    const report = stored && parseRestoreReport(stored.text);
    if (report?.outcome === 'passed') return new Date(report.startedAt);
  }
  return undefined;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
