import { setTimeout as sleep } from 'node:timers/promises';
import {
  byAge,
  type CatalogueEntry,
  countedRows,
  describeClock,
  newestIntact,
} from '../../lib/archive/catalogue-of.ts';
import { archivesPrefix } from '../../lib/archive/names.ts';
import { readCatalogue, sourcesBelow } from '../../lib/archive/read-catalogue.ts';
import { describeError, OffsiteError } from '../../lib/base/errors.ts';
import { hoursBetween, parseDuration } from '../../lib/base/quantities.ts';
import { hanging } from '../../lib/base/wrap.ts';
import { pricedLike, prices } from '../../lib/cost/prices.ts';
import { describeMissing, parseRecipientsNote, recipientsKey } from '../../lib/mail/recipients.ts';
import { readWindows } from '../../lib/recovery-point/windows.ts';
import { readTests } from '../../lib/report/read-reports.ts';
import { parseWatchState, toldOf, watchStateKey } from '../../lib/retention/freshness.ts';
import { parseKept, planKey } from '../../lib/retention/stored-plan.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { ofSidecar } from '../../lib/sidecar/kind.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { usage } from './flags.ts';
import { type Listing, painted, standingOf, tableOf } from './listing.ts';
import { clearScreen, print, printJson, tell, warn } from './print.ts';
import { pricedRegion } from './region.ts';
import { retyped } from './retyped.ts';
import { describeWindow, showWindows } from './wal-window.ts';

type Flags = { json?: boolean; limit?: string; all?: boolean; watch?: string | true };

/** What fits a screen, where nobody says how many. */
const usualLimit = 30;
/** A year of a wrong clock would push all else off it. */
const misdatedShown = 3;

/** @param only - One kind of archives; without it, those of the dashboard follow where there are any. */
export async function runList(settings: Settings, flags: Flags, only?: Listing['kind']): Promise<void> {
  const store = createS3Store(settings);
  limitOf(flags);
  const everyMs =
    flags.watch === undefined ? 0 : parseDuration(flags.watch === true ? '60s' : flags.watch, '--watch');
  if (everyMs > 0 && (flags.json || !process.stdout.isTTY))
    throw usage('--watch on a terminal', 'none, or --json');
  // That is how a watch ends: nothing of it has to be told.
  if (everyMs > 0) process.prependListener('SIGINT', () => process.exit(130));
  const look = () => lookOnce(store, settings, flags, only);
  let shown = await look();
  for (;;) {
    shown(everyMs > 0);
    if (everyMs === 0) return;
    await watching(everyMs, shown);
    // What is away for a while ends no watch.
    shown = await look().catch((error) => (isWatched) => {
      if (isWatched) clearScreen();
      tell(describeError(error));
    });
  }
}

type Show = (isWatched: boolean) => void;

/** Waits for the next look, or until whoever has seen enough ends the program; draws again where the terminal has another size. */
async function watching(everyMs: number, shown: Show): Promise<void> {
  const draw = () => shown(true);
  process.stdout.on('resize', draw);
  await sleep(everyMs).finally(() => process.stdout.off('resize', draw));
}

/** @returns Shows what was seen. */
async function lookOnce(
  store: ArchiveStore,
  settings: Settings,
  flags: Flags,
  only: Listing['kind'] | undefined,
): Promise<Show> {
  const limit = limitOf(flags);
  // Side by side: each is a way to the store and back, or several.
  const [listings, windows, note, sources] = await Promise.all([
    readListings(store, settings, only),
    only === undefined ? readWindows(store, settings.source) : [],
    flags.json ? undefined : store.readText(recipientsKey),
    flags.json || only !== undefined ? undefined : readable(sourcesBelow(store, archivesPrefix)),
  ]);
  return (isWatched) => {
    const now = new Date();
    if (flags.json) {
      const answer = [
        ...listings.flatMap((listing) => describe(listing, limit, now)),
        ...windows.map((window) => ({ kind: 'base backup' as const, ...describeWindow(window) })),
      ];
      printJson('list', answer);
      return;
    }
    if (isWatched) clearScreen();
    show(settings, listings, limit ?? (flags.all ? undefined : usualLimit), now, sources);
    if (windows.length > 0) {
      print('\nPoints in time that can be recovered (offsite restore --to-time):\n\n');
      showWindows(windows, now);
    }
    const recipients = parseRecipientsNote(note?.text);
    const missing = recipients && describeMissing(recipients);
    warn(missing && `${missing.found}: ${missing.advice}`);
  };
}

function limitOf({ limit, all }: Flags): number | undefined {
  if (limit === undefined) return undefined;
  if (all || !/^[1-9]\d*$/.test(limit))
    throw usage('--limit with a number from 1 on, or --all', `--limit ${limit}`);
  return Number(limit);
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

function show(
  { source, bucket }: Settings,
  listings: readonly Listing[],
  limit: number | undefined,
  now: Date,
  sources: readonly string[] = [],
): void {
  const { isTTY } = process.stdout;
  const columns = isTTY ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
  const { NO_COLOR, TERM } = process.env;
  const paint = isTTY && !NO_COLOR && TERM !== 'dumb' ? painted : undefined;
  for (const [index, listing] of listings.entries()) {
    const { entries, kind } = listing;
    if (index > 0) print("\nThe dashboard's own database:\n");
    if (entries.length === 0) {
      const what = kind === 'sidecar' ? `the sidecar of ${source}` : `${source} in ${bucket}`;
      tell(`no archive of ${what} yet: 'offsite ${kind === 'sidecar' ? 'sidecar ' : ''}backup' takes one`);
      continue;
    }
    print(`${tableOf(listing, entries.slice(0, limit), now, columns)}\n`, paint);
    const left = entries.length - (limit ?? entries.length);
    if (left > 0) print(retyped(`… ${left} older: offsite list --all\n`));
    if (kind === 'database') print(`\n${standingOf(source, listing, now, isTTY ? columns : 80)}\n`, paint);
  }
  const others = sources.filter((one) => one !== source);
  const text = retyped(`${others.join(', ')}: offsite list --source ${others[0]}`);
  if (others.length > 0) print(`\n${hanging('others    ', text, isTTY ? columns : 80).join('\n')}\n`);
  const misdated = listings.flatMap(({ entries }) =>
    entries.filter(({ clockAheadMs }) => clockAheadMs !== 0),
  );
  if (misdated[0] === undefined) return;
  const first = misdated.slice(0, misdatedShown).map(({ id }) => id.id);
  const left = misdated.length - first.length;
  const which = `${first.join(', ')}${left > 0 ? ` and ${left} more` : ''}`;
  warn(
    `the host's clock was wrong (${describeClock(misdated[0].clockAheadMs)}), so the store's dates count for ${which}`,
  );
}

function describe({ kind, entries, latest, kept, tests }: Listing, limit: number | undefined, now: Date) {
  return entries.slice(0, limit).map((entry) => {
    const { id, datedAt, clockAheadMs, standing, compressedBytes } = entry;
    const test = tests?.findLast(({ archiveId }) => archiveId === id.id);
    return {
      kind,
      id: id.id,
      source: id.source,
      takenAt: id.takenAt.toISOString(),
      datedAt: datedAt.toISOString(),
      clockAheadMs,
      ageHours: hoursBetween(datedAt, now),
      compressedBytes,
      verdict: standing,
      latest: id.id === latest,
      torrents: countedRows(entry) ?? null,
      lastReadAt: entry.lastReadAt?.toISOString() ?? null,
      restoreTest:
        test === undefined ? null : { outcome: test.outcome, startedAt: test.startedAt.toISOString() },
      staysAs: kept.get(id.id) ?? null,
    };
  });
}
