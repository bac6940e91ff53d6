// What 'list' shows of a source, as the vault has it.

import { byAge, type CatalogueEntry, newestIntact } from '../../lib/archive/catalogue-of.ts';
import { archivesPrefix } from '../../lib/archive/names.ts';
import { readCatalogue, sourcesBelow } from '../../lib/archive/read-catalogue.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { pricedLike, prices } from '../../lib/cost/prices.ts';
import { describeMissing, parseRecipientsNote, recipientsKey } from '../../lib/mail/recipients.ts';
import { readWindows } from '../../lib/recovery-point/windows.ts';
import { readTests } from '../../lib/report/read-reports.ts';
import { parseWatchState, toldOf, watchStateKey } from '../../lib/retention/freshness.ts';
import { parseKept, planKey } from '../../lib/retention/stored-plan.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { ofSidecar } from '../../lib/sidecar/kind.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import type { Listing } from './listing.ts';
import { pricedRegion } from './region.ts';

/** What was seen of a source. */
export type Sight = {
  readonly settings: Settings;
  readonly listings: readonly Listing[];
  readonly windows: Awaited<ReturnType<typeof readWindows>>;
  /** Of the vault, as far as these credentials may read them. */
  readonly sources: readonly string[];
  readonly unconfirmed: string | undefined;
};

/** @param only - One kind of archives; without it, those of the dashboard follow where there are any. */
export async function seeSource(
  store: ArchiveStore,
  settings: Settings,
  flags: { readonly json?: boolean },
  only?: Listing['kind'],
): Promise<Sight> {
  // Side by side: each is a way to the store and back, or several.
  const [listings, windows, note, sources = []] = await Promise.all([
    readListings(store, settings, only),
    only === undefined ? readWindows(store, settings.source) : [],
    flags.json ? undefined : store.readText(recipientsKey),
    flags.json || only !== undefined ? undefined : readable(sourcesBelow(store, archivesPrefix)),
  ]);
  const recipients = parseRecipientsNote(note?.text);
  const missing = recipients && describeMissing(recipients);
  return {
    settings,
    listings,
    windows,
    sources,
    unconfirmed: missing && `${missing.found}: ${missing.advice}`,
  };
}

async function readListings(
  store: ArchiveStore,
  settings: Settings,
  only: Listing['kind'] | undefined,
): Promise<Listing[]> {
  const { source } = settings;
  const [database, sidecars] = await Promise.all([
    only === 'sidecar' ? undefined : readDatabase(store, settings),
    readCatalogue(store, source, { kind: ofSidecar }),
  ]);
  const listings = database === undefined ? [] : [database];
  if (only === 'sidecar' || sidecars.length > 0)
    listings.push({ kind: 'sidecar', ...ordered(sidecars), kept: new Map() });
  return listings;
}

async function readDatabase(store: ArchiveStore, settings: Settings): Promise<Listing> {
  const { source } = settings;
  const region = pricedRegion(settings);
  const [entries, plan, tests, state] = await Promise.all([
    readCatalogue(store, source),
    store.readText(planKey(source)),
    readable(readTests(store, { source, startedAt: new Date().toISOString() })),
    readable(store.readText(watchStateKey(source))),
  ]);
  const watched = parseWatchState(state?.text);
  return {
    kind: 'database',
    ...ordered(entries),
    kept: parseKept(plan?.text ?? ''),
    tests,
    told: watched && toldOf(watched),
    limits: watched?.limits,
    prices: region === undefined ? undefined : prices[pricedLike(region)],
  };
}

function ordered(found: readonly CatalogueEntry[]): Pick<Listing, 'entries' | 'latest'> {
  const entries = byAge(found);
  return { entries, latest: newestIntact(entries)?.id.id };
}

/** @returns `undefined` where these credentials may not read them. */
async function readable<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof OffsiteError && error.code === 'CREDENTIALS_REFUSED') return undefined;
    throw error;
  }
}
