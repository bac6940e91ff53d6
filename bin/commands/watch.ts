import { formatHours, plural } from '../../lib/base/quantities.ts';
import { watchVault } from '../../lib/guard/watch.ts';
import { limitsOf } from '../../lib/retention/freshness.ts';
import type { Sighting } from '../../lib/retention/watch.ts';
import type { GuardedVault } from '../../lib/settings/settings.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { mailboxOf } from './guarded.ts';
import { print, printJson } from './print.ts';

export async function runWatch({ settings, guard }: GuardedVault, flags: { json?: boolean }): Promise<void> {
  const store = createS3Store(settings);
  const { sendMail, trouble } = mailboxOf(store, settings, guard);
  const sightings: Sighting[] = [];
  let strangeCount = 0;
  await watchVault({
    store,
    sources: guard.sources,
    limits: limitsOf(guard),
    isFull: true,
    now: new Date(),
    sendMail,
    onSighting: (sighting) => sightings.push(sighting),
    onArrivals: (arrivals) => {
      strangeCount = arrivals.strangeCount;
    },
  }).finally(() => {
    if (flags.json) printJson('watch', { sightings, strangeCount });
    else for (const sighting of sightings) print(`${describeSighting(sighting)}\n`);
  });
  const untold = trouble();
  if (untold !== undefined) throw untold;
}

/** A source in one line. */
export function describeSighting(sighting: Sighting): string {
  const { source, newestIntactId, newestIntactAgeHours, overdue, standstill, notIntactIds } = sighting;
  const { newestPointAgeHours: pointAge, missingSegments = [] } = sighting;
  const newest =
    newestIntactId === undefined
      ? `no intact archive; watched for ${formatHours(newestIntactAgeHours)}`
      : `newest intact archive ${formatHours(newestIntactAgeHours)} old`;
  const faults = [
    ...(pointAge === undefined ? [] : [`newest point ${formatHours(pointAge)} old`]),
    ...(missingSegments.length === 0 ? [] : [`${plural(missingSegments.length, 'segment')} of the log lack`]),
    ...overdue.map(({ subject }) => `${subject} overdue`),
    ...(standstill === undefined ? [] : ['retention stands still']),
    ...(notIntactIds.length === 0 ? [] : [`${notIntactIds.length} newer not intact`]),
  ];
  return `${source}: ${[newest, ...faults].join(', ')}`;
}
