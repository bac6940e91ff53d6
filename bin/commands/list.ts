import { setTimeout as sleep } from 'node:timers/promises';
import { countedRows, describeClock } from '../../lib/archive/catalogue-of.ts';
import { describeError } from '../../lib/base/errors.ts';
import { hoursBetween, parseDuration } from '../../lib/base/quantities.ts';
import { hanging } from '../../lib/base/wrap.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { usage } from './flags.ts';
import { type Sight, seeSource } from './list-sight.ts';
import { inAscii, type Listing, painted, standingOf, tableOf } from './listing.ts';
import { clearScreen, print, printJson, tell, warn } from './print.ts';
import { retyped, speakOf } from './retyped.ts';
import { describeWindow, showWindows } from './wal-window.ts';

type Flags = { json?: boolean; limit?: string; all?: boolean; watch?: string | true };

/** What fits a screen, where nobody says how many; of several sources, each has a week. */
const usualLimit = 30;
const limitOfEach = 7;
/** A year of a wrong clock would push all else off it. */
const misdatedShown = 3;

/**
 * @param all - One or more sources, of one vault or of several.
 * @param only - One kind of archives; without it, those of the dashboard follow where there are any.
 */
export async function runList(all: readonly Settings[], flags: Flags, only?: Listing['kind']): Promise<void> {
  const vaults = all.map((settings) => ({ settings, store: createS3Store(settings) }));
  limitOf(flags);
  const everyMs =
    flags.watch === undefined ? 0 : parseDuration(flags.watch === true ? '60s' : flags.watch, '--watch');
  if (everyMs > 0 && (flags.json || !process.stdout.isTTY))
    throw usage('--watch on a terminal', 'none, or --json');
  // That is how a watch ends: nothing of it has to be told.
  if (everyMs > 0) process.prependListener('SIGINT', () => process.exit(130));
  const look = async () => {
    const sights = await Promise.all(
      vaults.map(({ store, settings }) => seeSource(store, settings, flags, only)),
    );
    return (isWatched: boolean) => showAll(sights, flags, isWatched);
  };
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

function showAll(sights: readonly Sight[], flags: Flags, isWatched: boolean): void {
  const now = new Date();
  const limit = limitOf(flags);
  if (flags.json) {
    const answer = sights.flatMap(({ listings, windows }) => [
      ...listings.flatMap((listing) => describe(listing, limit, now)),
      ...windows.map((window) => ({ kind: 'base backup' as const, ...describeWindow(window) })),
    ]);
    printJson('list', answer);
    return;
  }
  if (isWatched) clearScreen();
  const usual = sights.length > 1 ? limitOfEach : usualLimit;
  for (const [index, { settings, listings, windows }] of sights.entries()) {
    if (index > 0) print('\n');
    if (sights.length > 1) speakOf(settings.source);
    show(settings, listings, limit ?? (flags.all ? undefined : usual), now);
    if (windows.length === 0) continue;
    print('\nPoints in time that can be recovered (offsite restore --to-time):\n\n');
    showWindows(windows, now);
  }
  const shown = sights.map(({ settings }) => settings.source);
  showOthers([...new Set(sights.flatMap(({ sources }) => sources))].filter((one) => !shown.includes(one)));
  for (const unconfirmed of new Set(sights.map((one) => one.unconfirmed))) warn(unconfirmed);
}

function limitOf({ limit, all }: Flags): number | undefined {
  if (limit === undefined) return undefined;
  if (all || !/^[1-9]\d*$/.test(limit))
    throw usage('--limit with a number from 1 on, or --all', `--limit ${limit}`);
  return Number(limit);
}

function show(
  { source, bucket }: Settings,
  listings: readonly Listing[],
  limit: number | undefined,
  now: Date,
): void {
  const { isTTY } = process.stdout;
  const columns = isTTY ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
  const { NO_COLOR, TERM, LC_ALL, LC_CTYPE, LANG } = process.env;
  const coloured = isTTY && !NO_COLOR && TERM !== 'dumb' ? painted : (text: string) => text;
  const isAscii = /^(?:C|POSIX)$/.test(LC_ALL || LC_CTYPE || LANG || '');
  const paint = (text: string) => coloured(isAscii ? inAscii(text) : text);
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
    if (left > 0) print(retyped(`… ${left} older: offsite list --all\n`), paint);
    if (kind === 'database') print(`\n${standingOf(source, listing, now, isTTY ? columns : 80)}\n`, paint);
  }
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

function showOthers(others: readonly string[]): void {
  if (others.length === 0) return;
  const text = retyped(`${others.join(', ')}: offsite list --source ${others[0]}`);
  const columns = process.stdout.isTTY ? process.stdout.columns || 80 : 80;
  print(`\n${hanging('others    ', text, columns).join('\n')}\n`);
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
