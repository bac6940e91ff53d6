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
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { print, printJson, tell, warn } from './print.ts';

export async function runList(settings: Settings, flags: { json?: boolean }): Promise<void> {
  const entries = byAge(await readCatalogue(createS3Store(settings), settings.source));
  const latest = newestIntact(entries)?.id.id;
  const now = new Date();
  if (flags.json) {
    printJson(entries.map((entry) => describe(entry, latest, now)));
    return;
  }
  if (entries.length === 0) {
    tell(`no archive of ${settings.source} in ${settings.bucket} yet: 'offsite backup' takes one`);
    return;
  }
  const rows = entries.map((entry) => [
    entry.id.id,
    formatAge(entry.datedAt, now),
    formatBytes(entry.compressedBytes),
    formatCountOr(countedRows(entry)),
    entry.id.id === latest ? `${entry.standing} (latest)` : entry.standing,
  ]);
  print(`${textTable([['archive', 'age', 'bytes', countedTable, 'verdict'], ...rows])}\n`);
  const misdated = entries.filter(({ clockAheadMs }) => clockAheadMs !== 0);
  if (misdated[0] === undefined) return;
  const which = misdated.map(({ id }) => id.id).join(', ');
  warn(
    `the host's clock was wrong (${describeClock(misdated[0].clockAheadMs)}), so the store's dates count for ${which}`,
  );
}

function formatCountOr(rows: number | undefined): string {
  return rows === undefined ? '-' : formatCount(rows);
}

function describe(entry: CatalogueEntry, latest: string | undefined, now: Date) {
  const { id, datedAt, clockAheadMs, standing, compressedBytes } = entry;
  return {
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
  };
}
