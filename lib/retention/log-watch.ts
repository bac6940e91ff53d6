// watch, of the log: each hour what came since the last look, and once a day all of it. What came is asked to be read, too.

import { byAge, type CatalogueEntry } from '../archive/catalogue-of.ts';
import { readCatalogue } from '../archive/read-catalogue.ts';
import { readRecord } from '../archive/read-manifest.ts';
import { dueWalKey, parseWalKey, walFolder, walPrefix } from '../archive/wal-names.ts';
import { nothingIf } from '../base/errors.ts';
import { ofBaseBackups } from '../basebackup/kind.ts';
import { baseBackupRecords } from '../basebackup/manifest.ts';
import { eachRead, readSettledLog } from '../recovery-point/read-vault.ts';
import { type BaseBackup, type ClusterLog, wayFrom } from '../recovery-point/way.ts';
import type { ArchiveStore } from '../store/store.ts';
import { leadsTo } from '../wal/continuity.ts';
import { serializeDueLog } from '../wal/due.ts';
import type { Cluster, StoredWal } from '../wal/read-wal.ts';
import { parseLsn } from '../wal/segment.ts';
import { settledMinutes } from '../wal/settled.ts';
import {
  beginsAfter,
  gapsOf,
  isFullDue,
  isUnread,
  type LogSight,
  type LogState,
  newestPoint,
  resumedAt,
  segmentBefore,
} from './log-sight.ts';

export type LookOptions = {
  readonly store: ArchiveStore;
  readonly source: string;
  readonly before: LogState | undefined;
  readonly now: Date;
  /** Look at all of the log, from the oldest base backup on, whether or not it is time to. */
  readonly isFull: boolean;
};

/** One request: some minutes of the function that reads them. */
const filesAtOnce = 500;

/**
 * Looks at a source's log, and asks that what came since the last look be read.
 *
 * @returns `undefined` where there is none, and no base backup.
 */
export async function lookAtLog(options: LookOptions): Promise<LogSight | undefined> {
  const { store, source, before, now } = options;
  const entries = byAge(await readCatalogue(store, source, { kind: ofBaseBackups }));
  const usable = entries.filter(isUsable);
  const newest = await newestBase(store, usable);
  if (newest === undefined) return withoutBase(store, source);
  const { systemIdentifier } = newest.manifest.cluster;
  const bases = () => basesOf(store, usable, systemIdentifier);
  const resumed = before?.systemIdentifier === systemIdentifier ? before : undefined;
  const isFull = options.isFull || isFullDue(resumed, now);
  const part = isFull ? undefined : await followed(options, newest, resumed);
  const { all, sure, starts } = part ?? (await listed(options, await bases(), resumed));
  const waysBy = (log: ClusterLog) => starts.map((base) => wayFrom(base, log));
  const ways = waysBy(sure);
  const lastStoredAt = part && resumed && new Date(resumed.lastStoredAt);
  const isBrokenNow = gapsOf(ways, []).length > 0;
  const gaps = isBrokenNow ? gapsOf(ways, await bases(), lastStoredAt) : [];
  const otherwise = lastStoredAt ?? new Date(newest.manifest.consistentAt);
  const [way, sureWay] = [waysBy(all)[0], ways[0]];
  const last = sureWay?.continuity.whole.at(-1);
  return {
    newestAt: way && (newestPoint(way) ?? otherwise),
    since: new Date(newest.manifest.consistentAt),
    gaps,
    isFull: part === undefined,
    next: {
      systemIdentifier,
      last: last?.last ?? (part && resumed ? resumed.last : segmentBefore(newest)),
      lastStoredAt: (last?.storedAt ?? otherwise).toISOString(),
      lookedUntil: new Date(now.getTime() - settledMinutes * 60_000).toISOString(),
      ...(part && resumed ? looksWith(resumed) : { fullAt: now.toISOString(), looks: [] }),
    },
  };
}

function looksWith({ fullAt, looks, last, lookedUntil }: LogState): Pick<LogState, 'fullAt' | 'looks'> {
  return { fullAt, looks: [...looks, { last, lookedUntil }] };
}

/** What there is of a log, and what of it was stored long enough ago; and from where on it is looked at. */
type Listing = {
  readonly all: ClusterLog;
  readonly sure: ClusterLog;
  readonly starts: readonly BaseBackup[];
};

/**
 * Lists a log, and asks on the way that what came since the last look be read: of so many files, none may be remembered.
 *
 * @param starts - Of one cluster, the newest first.
 */
async function listed(
  { store, source, now }: LookOptions,
  starts: readonly BaseBackup[],
  state: LogState | undefined,
  after?: string,
): Promise<Listing> {
  const { cluster } = (starts[0] as BaseBackup).manifest;
  const clusterOf = { source, systemIdentifier: cluster.systemIdentifier };
  const due = new DueLog(store, clusterOf);
  const isRead = ({ key, storedAt }: StoredWal) =>
    !isUnread(storedAt, state, (segment) => key > afterSegment(clusterOf, segment));
  const whose = { source, ...cluster };
  const log = await readSettledLog(store, whose, now, eachRead(store, whose, after), async (file) => {
    if (file.kind === 'begun' || (isWanted(file, starts) && !isRead(file))) await due.add(file);
  });
  await due.ask();
  return { ...log, starts };
}

function isWanted({ kind, name, isDamaged }: StoredWal, starts: readonly BaseBackup[]): boolean {
  if (isDamaged) return false;
  return kind === 'history' || (kind === 'segment' && starts.some((base) => !beginsAfter(base, name)));
}

/** Where a listing goes on after a segment. */
function afterSegment(cluster: Cluster, segment: string): string {
  return `${walFolder(cluster)}${segment}.`;
}

/** Of what is missing or damaged it is known that no recovery begins with it. */
function isUsable({ standing }: CatalogueEntry): boolean {
  return standing === 'intact' || standing === 'unverified';
}

type Entries = readonly CatalogueEntry[];

async function newestBase(store: ArchiveStore, entries: Entries): Promise<BaseBackup | undefined> {
  for await (const base of eachBase(store, entries)) return base;
  return undefined;
}

/** Of a cluster, in the order of the entries. */
async function basesOf(store: ArchiveStore, entries: Entries, systemIdentifier: string) {
  const all = await Array.fromAsync(eachBase(store, entries));
  return all.filter(({ manifest }) => manifest.cluster.systemIdentifier === systemIdentifier);
}

/** Each is read once it is asked for; of a manifest that cannot be trusted `verify` tells. */
async function* eachBase(store: ArchiveStore, entries: Entries): AsyncGenerator<BaseBackup> {
  for (const { id } of entries) {
    const manifest = await readRecord(store, baseBackupRecords, id).catch(nothingIf(/^MANIFEST_/));
    if (manifest !== undefined) yield { id, manifest };
  }
}

async function withoutBase(store: ArchiveStore, source: string): Promise<LogSight | undefined> {
  for await (const { storedAt } of store.list(`${walPrefix}${source}/`))
    return {
      newestAt: undefined,
      since: storedAt,
      gaps: [],
      isFull: true,
      next: undefined,
    };
  return undefined;
}

/** What came since the last look; `undefined` where that cannot be told from there: a timeline may have left before it. */
async function followed(
  options: LookOptions,
  newest: BaseBackup,
  state: LogState | undefined,
): Promise<Listing | undefined> {
  // A base backup of a timeline before it: what it needs is not behind it.
  if (state === undefined || newest.manifest.timeline < Number.parseInt(state.last.slice(0, 8), 16))
    return undefined;
  const resumed = resumedAt(state, newest);
  const starts = beginsAfter(newest, state.last) ? [newest, resumed] : [resumed];
  const cluster = { source: options.source, systemIdentifier: state.systemIdentifier };
  const listing = await listed(options, starts, state, afterSegment(cluster, state.last));
  const { timeline: fromTimeline, startLsn } = resumed.manifest;
  const from = parseLsn(startLsn) ?? 0n;
  const isStray = [...listing.all.histories].some(
    ([timeline, ancestors]) => !leadsTo({ fromTimeline, from, timeline, ancestors }),
  );
  return isStray ? undefined : listing;
}

/** Files of a cluster's log that are to be read, so many in a request. */
class DueLog {
  readonly #store: ArchiveStore;
  readonly #cluster: Cluster;
  #files: StoredWal[] = [];

  constructor(store: ArchiveStore, cluster: Cluster) {
    this.#store = store;
    this.#cluster = cluster;
  }

  /**
   * @param file - In the order of the names. Copies of a segment that was begun are many, and what they hold comes again with the whole
   *   one, against which they are held: alone they are not read.
   */
  async add(file: StoredWal): Promise<void> {
    if (file.kind === 'begun' && this.#files.at(-1)?.name.slice(0, 24) !== file.name.slice(0, 24)) return;
    if (file.kind !== 'begun' && this.#files.length >= filesAtOnce) await this.ask();
    this.#files.push(file);
  }

  async ask(): Promise<void> {
    const keys = this.#files.map(({ key }) => key);
    const first = parseWalKey(keys[0] ?? '');
    if (first !== undefined)
      await this.#store.write(dueWalKey({ ...this.#cluster, file: first.file }), serializeDueLog(keys));
    this.#files = [];
  }
}
