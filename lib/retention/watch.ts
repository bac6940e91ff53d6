// watch: how old is the newest proof of each source, and does retention run? Tells the operator at once and daily while
// it is not as it should be, once when it is again, and once of each archive that never got a manifest.

import { byAge, type CatalogueEntry, newestIntact } from '../archive/catalogue-of.ts';
import { archivesPrefix, faultsPrefix, reportsPrefix } from '../archive/names.ts';
import { readCatalogue, sourcesBelow } from '../archive/read-catalogue.ts';
import { hoursBetween } from '../base/quantities.ts';
import { findUntold } from '../mail/by-the-hour.ts';
import type { Mail } from '../mail/mail.ts';
import { type News, newsOnce, tellNews } from '../mail/tell-once.ts';
import { hasPassed, parseRestoreReport, type RestoreReport } from '../report/report.ts';
import type { ArchiveStore } from '../store/store.ts';
import {
  type FreshnessLimits,
  findMisdated,
  findOrphans,
  findOverdue,
  type Overdue,
  parseWatchState,
  type Standstill,
  type Subject,
  sidecarProof,
  type Telling,
  type WatchState,
  watchStateKey,
  whatToTell,
} from './freshness.ts';
import { type LogSight, type LogState, newsOfLog } from './log-sight.ts';
import {
  gapMail,
  hourMail,
  misdatedMail,
  noRetentionMail,
  orphanMail,
  overdueMail,
  recoveredMail,
} from './mails.ts';
import { hasNotRun, type RetentionRun, readRetentionRun } from './run.ts';
import { eachSource, throwFailures } from './sources.ts';

export type WatchOptions = {
  readonly store: ArchiveStore;
  /** Sources that archives are expected of; others that have archives are watched too. */
  readonly sources: readonly string[];
  readonly limits: FreshnessLimits;
  /** Reads the archives of a source's sidecar; without it, nobody looks at these. */
  readonly sidecarsOf?: (source: string) => Promise<readonly CatalogueEntry[]>;
  /** Looks at a source's log; without it, nobody does. */
  readonly logOf?: (source: string, before: LogState | undefined) => Promise<LogSight | undefined>;
  readonly now: Date;
  readonly sendMail: (mail: Mail) => Promise<void>;
  /** Is given what was seen of each source, also where others fail. */
  readonly onSighting: (sighting: Sighting) => void;
  /** What else is looked at, once all sources were, and told of with them; by what it is called where it fails. */
  readonly besides?: Readonly<Record<string, () => Promise<News>>>;
};

export type Sighting = {
  readonly source: string;
  readonly newestIntactId?: string | undefined;
  /** While there is none, the time since the source is watched; of the restore test likewise. */
  readonly newestIntactAgeHours: number;
  readonly restoreTestAgeHours: number;
  /** How the newest restore test stands, and how long the newest passed one took. */
  readonly restoreTest: { readonly hasFailed: boolean; readonly durationSeconds?: number | undefined };
  /** Archives newer than the newest intact one: damaged, incomplete or missing, and suspicious. */
  readonly notIntactIds: readonly string[];
  readonly suspiciousIds: readonly string[];
  /** Of the newest point that can be recovered; absent where there is no log. */
  readonly newestPointAgeHours?: number | undefined;
  /** Segments that lack on the way to such points. */
  readonly missingSegments?: readonly string[] | undefined;
  readonly overdue: readonly Overdue[];
  readonly standstill: Standstill | undefined;
  readonly told: Telling['mail'];
  /** Archives that never got a manifest. */
  readonly orphanIds: readonly string[];
  /** Archives that are dated by a clock of their host which was wrong. */
  readonly clockIds: readonly string[];
};

/** What there is of one source; that its log or its sidecar could not be looked at keeps nothing else from being told. */
type SourceNews = News & { readonly sighting: Sighting; readonly failure: unknown };

/**
 * Looks at every source once, and tells of all of it together.
 *
 * @throws As {@link throwFailures} does, once all others are seen to and told of.
 */
export async function watch(options: WatchOptions): Promise<void> {
  const { store, now, sendMail, besides = {} } = options;
  const news: News[] = [];
  const run = await readRetentionRun(store, now);
  if (hasNotRun(run, now)) {
    const day = now.toISOString().slice(0, 10);
    news.push(await newsOnce({ store, now }, `no-retention-${day}`, noRetentionMail(run.endedAt, now)));
  }
  const sources = new Set([...options.sources, ...(await sourcesBelow(store, archivesPrefix))]);
  const failures = await eachSource([...sources], async (source) => {
    const { sighting, failure, ...one } = await watchSource(source, run, options);
    news.push(one);
    options.onSighting(sighting);
    if (failure !== undefined) throw failure;
  });
  const untold = await eachSource(await store.folders(faultsPrefix), async (source) => {
    for (const hour of await findUntold(store, source, now))
      news.push({ mails: [hourMail(hour)], noted: async () => void (await store.write(hour.toldKey, '')) });
  });
  const others = await eachSource(Object.keys(besides), async (name) => {
    news.push(await (besides[name] as () => Promise<News>)());
  });
  await tellNews(news, sendMail);
  throwFailures(new Map([...untold, ...failures, ...others]));
}

async function watchSource(
  source: string,
  { endedAt: since, standsStill }: RetentionRun,
  options: WatchOptions,
): Promise<SourceNews> {
  const { store, limits, now } = options;
  const stateKey = watchStateKey(source);
  const stored = await store.readText(stateKey);
  // A state that cannot be read costs a repeated mail, never a missing one.
  const state: WatchState = parseWatchState(stored?.text) ?? {
    ...{ firstSeenAt: now.toISOString(), toldOf: [], toldOrphans: [], toldClock: false },
  };
  const entries = await readCatalogue(store, source, { intactEnough: 1 });
  const newest = newestIntact(entries);
  const tests = await newestTests(store, source);
  const restoreTestPassedAt = tests.passed && new Date(tests.passed.startedAt);
  const firstSeenAt = new Date(state.firstSeenAt);
  const { log, sidecars, failures } = await lookBesides(source, state, options);
  const sidecar = sidecarProof(sidecars, limits.archiveHours);
  const overdue = findOverdue(
    { firstSeenAt, newestIntactAt: newest?.datedAt, restoreTestPassedAt, sidecar, point: log },
    limits,
    now,
  );
  const reason = standsStill[source];
  const standstill = reason === undefined ? undefined : { subject: 'retention' as const, reason, since };
  const faults = [...overdue, ...(standstill ? [standstill] : [])];
  const unseen = state.toldOf.filter((subject) => failures.has(subject));
  const telling = whatToTell(state, faults, now, unseen);
  const mails: Mail[] = [];
  if (telling.mail === 'overdue') mails.push(overdueMail(source, faults));
  if (telling.mail === 'recovered') mails.push(recoveredMail(source));
  const orphans = findOrphans(entries, now);
  const newOrphans = orphans.filter(({ id }) => !state.toldOrphans.includes(id.id));
  if (newOrphans.length > 0) mails.push(orphanMail(source, newOrphans));
  const misdated = findMisdated(entries);
  if (misdated !== undefined && !state.toldClock) mails.push(misdatedMail(source, misdated));
  const { newGaps, state: logState, missing } = newsOfLog(log, state.log);
  if (newGaps.length > 0) mails.push(gapMail(source, newGaps));
  const orphanIds = orphans.map(({ id }) => id.id);
  const next: WatchState = {
    firstSeenAt: state.firstSeenAt,
    toldAt: telling.toldAt,
    toldOf: [...faults.map(({ subject }) => subject), ...unseen],
    toldOrphans: orphanIds,
    toldClock: misdated !== undefined,
    limits: { archiveHours: limits.archiveHours, restoreTestHours: limits.restoreTestHours },
    log: logState,
  };
  const noted = async () => {
    if (JSON.stringify(next) !== stored?.text) await store.write(stateKey, JSON.stringify(next));
  };
  const sighting = {
    source,
    newestIntactId: newest?.id.id,
    newestIntactAgeHours: hoursBetween(newest?.datedAt ?? firstSeenAt, now),
    restoreTestAgeHours: hoursBetween(restoreTestPassedAt ?? firstSeenAt, now),
    restoreTest: {
      hasFailed: tests.newest !== undefined && !hasPassed(tests.newest),
      // Of the archive alone: the recovery to a point came after it.
      durationSeconds:
        tests.passed && (tests.passed.durationMs - (tests.passed.point?.durationMs ?? 0)) / 1000,
    },
    ...doubtsSince(newest, entries),
    newestPointAgeHours: log?.newestAt && hoursBetween(log.newestAt, now),
    missingSegments: missing,
    overdue,
    standstill,
    told: telling.mail,
    orphanIds,
    clockIds: entries.filter(({ clockAheadMs }) => clockAheadMs !== 0).map(({ id }) => id.id),
  };
  const [failure] = failures.values();
  return { mails, noted, sighting, failure };
}

/** Looks at what a source has beside its archives. @returns With what has failed. */
async function lookBesides(source: string, state: WatchState, { logOf, sidecarsOf }: WatchOptions) {
  const failures = new Map<Subject, unknown>();
  const log = await logOf?.(source, state.log).catch((error) => void failures.set('point', error));
  const sidecars = await sidecarsOf?.(source).catch((error) => void failures.set('sidecar', error));
  return { log: log ?? undefined, sidecars: sidecars ?? [], failures };
}

/** The archives after the newest intact one that have been judged, and are not intact. */
function doubtsSince(
  newest: CatalogueEntry | undefined,
  entries: readonly CatalogueEntry[],
): Pick<Sighting, 'notIntactIds' | 'suspiciousIds'> {
  const newestFirst = byAge(entries);
  const since = newest === undefined ? newestFirst : newestFirst.slice(0, newestFirst.indexOf(newest));
  const idsOf = (...standings: CatalogueEntry['standing'][]) =>
    since.filter(({ standing }) => standings.includes(standing)).map(({ id }) => id.id);
  return {
    notIntactIds: idsOf('damaged', 'incomplete', 'missing'),
    suspiciousIds: idsOf('suspicious'),
  };
}

type Tests = { readonly newest?: RestoreReport | undefined; readonly passed?: RestoreReport | undefined };

/** The newest restore test, and the newest that has passed. */
export async function newestTests(store: ArchiveStore, source: string): Promise<Tests> {
  const keys: { key: string; storedAt: Date }[] = [];
  for await (const { key, storedAt } of store.list(`${reportsPrefix}${source}/`)) {
    if (key.endsWith('.json')) keys.push({ key, storedAt });
  }
  keys.sort((one, other) => other.storedAt.getTime() - one.storedAt.getTime());
  let newest: RestoreReport | undefined;
  for (const { key } of keys) {
    const stored = await store.readText(key);
    const report = stored && parseRestoreReport(stored.text);
    newest ??= report;
    if (report?.outcome === 'passed') return { newest, passed: report };
  }
  return { newest };
}
