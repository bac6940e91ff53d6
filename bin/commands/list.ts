// offsite list

import {
  byAge,
  type CatalogueEntry,
  countedRows,
  describeClock,
  newestIntact,
} from '../../lib/archive/catalogue-of.ts';
import { readCatalogue } from '../../lib/archive/read-catalogue.ts';
import { countedTable } from '../../lib/archive/verdict.ts';
import { formatAge, formatBytes, formatCount, hoursBetween } from '../../lib/base/quantities.ts';
import { textTable } from '../../lib/mail/mail.ts';
import { describeMissing, parseRecipientsNote, recipientsKey } from '../../lib/mail/recipients.ts';
import { parseKept, planKey } from '../../lib/retention/stored-plan.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { readSidecars } from '../../lib/sidecar/list.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { print, printJson, tell, warn } from './print.ts';

type Listing = {
  readonly kind: 'database' | 'sidecar';
  readonly entries: readonly CatalogueEntry[];
  readonly latest: string | undefined;
  /** Why each stays, as the last run of expire has it. */
  readonly kept: ReturnType<typeof parseKept>;
};

/** @param only - One kind of archives; without it, those of the dashboard follow where there are any. */
export async function runList(
  settings: Settings,
  flags: { json?: boolean },
  only?: Listing['kind'],
): Promise<void> {
  const { source, bucket } = settings;
  const store = createS3Store(settings);
  const listings: Listing[] = [];
  const add = (kind: Listing['kind'], found: readonly CatalogueEntry[], kept: Listing['kept']) => {
    const entries = byAge(found);
    listings.push({ kind, entries, kept, latest: newestIntact(entries)?.id.id });
  };
  if (only !== 'sidecar') {
    const entries = await readCatalogue(store, source);
    add('database', entries, parseKept((await store.readText(planKey(source)))?.text ?? ''));
  }
  const sidecars = await readSidecars(store, source);
  if (only === 'sidecar' || sidecars.length > 0) add('sidecar', sidecars, new Map());
  const now = new Date();
  if (flags.json) {
    printJson(listings.flatMap((listing) => listing.entries.map((entry) => describe(entry, listing, now))));
    return;
  }
  for (const [index, listing] of listings.entries()) {
    if (index > 0) print("\nThe dashboard's own database:\n");
    if (listing.entries.length > 0) print(`${tableOf(listing, now)}\n`);
    else if (listing.kind === 'sidecar')
      tell(`no archive of the sidecar of ${source} yet: 'offsite sidecar backup' takes one`);
    else tell(`no archive of ${source} in ${bucket} yet: 'offsite backup' takes one`);
  }
  const note = parseRecipientsNote((await store.readText(recipientsKey))?.text);
  const missing = note && describeMissing(note);
  warn(missing && `${missing.found}: ${missing.advice}`);
  const misdated = listings.flatMap(({ entries }) =>
    entries.filter(({ clockAheadMs }) => clockAheadMs !== 0),
  );
  if (misdated[0] === undefined) return;
  const which = misdated.map(({ id }) => id.id).join(', ');
  warn(
    `the host's clock was wrong (${describeClock(misdated[0].clockAheadMs)}), so the store's dates count for ${which}`,
  );
}

function tableOf({ kind, entries, latest, kept }: Listing, now: Date): string {
  const rows = entries.map((entry) => [
    entry.id.id,
    formatAge(entry.datedAt, now),
    formatBytes(entry.compressedBytes),
    formatCountOr(countedRows(entry)),
    entry.lastReadAt ? formatAge(entry.lastReadAt, now) : '-',
    entry.id.id === latest ? `${entry.standing} (latest)` : entry.standing,
    // The last reason is the one that keeps it longest.
    kept.get(entry.id.id)?.at(-1) ?? '-',
  ]);
  const columns = ['archive', 'age', 'bytes', countedTable, 'read', 'verdict', 'stays as'];
  const ofBoth = (_: string, index: number) => kind === 'database' || ![3, 4, 6].includes(index);
  return textTable([columns, ...rows].map((row) => row.filter(ofBoth)));
}

function formatCountOr(rows: number | undefined): string {
  return rows === undefined ? '-' : formatCount(rows);
}

function describe(entry: CatalogueEntry, { kind, latest, kept }: Listing, now: Date) {
  const { id, datedAt, clockAheadMs, standing, compressedBytes } = entry;
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
    staysAs: kept.get(id.id) ?? null,
  };
}
