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
import { parseKept, planKey } from '../../lib/retention/stored-plan.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { print, printJson, tell, warn } from './print.ts';

export async function runList(settings: Settings, flags: { json?: boolean }): Promise<void> {
  const store = createS3Store(settings);
  const entries = byAge(await readCatalogue(store, settings.source));
  const plan = await store.readText(planKey(settings.source));
  const kept = parseKept(plan?.text ?? '');
  const latest = newestIntact(entries)?.id.id;
  const now = new Date();
  if (flags.json) {
    printJson(entries.map((entry) => describe(entry, latest, now, kept)));
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
    // The last reason is the one that keeps it longest.
    kept.get(entry.id.id)?.at(-1) ?? '-',
  ]);
  print(`${textTable([['archive', 'age', 'bytes', countedTable, 'verdict', 'stays as'], ...rows])}\n`);
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

function describe(
  entry: CatalogueEntry,
  latest: string | undefined,
  now: Date,
  kept: ReturnType<typeof parseKept>,
) {
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
    staysAs: kept.get(id.id) ?? null,
  };
}
