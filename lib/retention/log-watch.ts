// watch, of the log: each hour what came since the last look, and once a day all of it. What came is asked to be read, too.

import { byAge, type CatalogueEntry } from '../archive/catalogue-of.ts';
import { readKind } from '../archive/read-kind.ts';
import { dueWalKey, parseWalKey, walFolder, walPrefix } from '../archive/wal-names.ts';
import { OffsiteError } from '../base/errors.ts';
import { ofBaseBackups } from '../basebackup/kind.ts';
import { readBaseBackupManifest } from '../basebackup/read-manifest.ts';
import { type BaseBackup, wayFrom } from '../recovery-point/choose.ts';
import { readClusterLog, type StoredLog } from '../recovery-point/read-vault.ts';
import type { ArchiveStore } from '../store/store.ts';
import { leadsTo } from '../wal/continuity.ts';
import { serializeDueLog } from '../wal/due.ts';
import type { Cluster, StoredWal } from '../wal/read-wal.ts';
import { parseLsn } from '../wal/segment.ts';
import {
  beginsAfter,
  gapsOf,
  type LogSight,
  type LogState,
  newestPoint,
  resumedAt,
  segmentBefore,
  settled,
  settledMinutes,
} from './log-sight.ts';

export type LogLook = LogSight & {
  /** Asks that what came since the last look be read. */
  readonly ask: () => Promise<void>;
};

export type LookOptions = {
  readonly store: ArchiveStore;
  readonly source: string;
  readonly before: LogState | undefined;
  readonly now: Date;
  /** Look at all of the log, from the oldest base backup on. */
  readonly isFull: boolean;
};

/** One request: some minutes of the function that reads them. */
const filesAtOnce = 500;

/** Looks at a source's log. @returns `undefined` where there is none, and no base backup. */
export async function lookAtLog(options: LookOptions): Promise<LogLook | undefined> {
  const { store, source, before, now } = options;
  const entries = byAge(await readKind(store, ofBaseBackups, source));
  const bases = new Bases(store, entries.filter(isUsable));
  const newest = await bases.newest();
  if (newest === undefined) return withoutBase(store, source);
  const { systemIdentifier } = newest.manifest.cluster;
  const cluster = { source, systemIdentifier };
  const resumed = before?.systemIdentifier === systemIdentifier ? before : undefined;
  const part = options.isFull ? undefined : await followed(store, cluster, newest, resumed);
  const log = part ?? (await readClusterLog(store, cluster));
  const own = part === undefined ? await bases.of(systemIdentifier) : [];
  const starts = part === undefined || resumed === undefined ? own : continued(newest, resumed);
  const waysBy = (files: readonly StoredWal[]) => starts.map((base) => wayFrom(base, { ...log, files }));
  const sure = settled(log.files, now);
  const ways = waysBy(sure);
  const lastStoredAt = part && resumed && new Date(resumed.lastStoredAt);
  const isBrokenNow = gapsOf(ways, [], sure).length > 0;
  const gaps = isBrokenNow ? gapsOf(ways, await bases.of(systemIdentifier), sure, lastStoredAt) : [];
  const otherwise = lastStoredAt ?? new Date(newest.manifest.consistentAt);
  const [way, sureWay] = [waysBy(log.files)[0], ways[0]];
  const newestAt = way && newestPoint(way, log.files, otherwise);
  const last = sureWay?.continuity.whole.at(-1);
  const lookedUntil = new Date(now.getTime() - settledMinutes * 60_000);
  const since = new Date(newest.manifest.consistentAt);
  return {
    newestAt,
    since,
    gaps,
    isFull: part === undefined,
    next: {
      systemIdentifier,
      last: last ?? (part && resumed ? resumed.last : segmentBefore(newest)),
      lastStoredAt: (sure.find(({ name }) => name === last)?.storedAt ?? otherwise).toISOString(),
      lookedUntil: lookedUntil.toISOString(),
    },
    ask: () => askToRead(store, cluster, neededBy(sure, starts, resumed), sure),
  };
}

/** Of what is missing or damaged it is known that no recovery begins with it. */
function isUsable({ standing }: CatalogueEntry): boolean {
  return standing === 'intact' || standing === 'unverified';
}

/** Base backups, each read once it is asked for. */
class Bases {
  readonly #store: ArchiveStore;
  readonly #entries: readonly CatalogueEntry[];

  /** @param entries - The newest first. */
  constructor(store: ArchiveStore, entries: readonly CatalogueEntry[]) {
    this.#store = store;
    this.#entries = entries;
  }

  async newest(): Promise<BaseBackup | undefined> {
    for await (const base of this.#each()) return base;
    return undefined;
  }

  /** Of a cluster, the newest first. */
  async of(systemIdentifier: string): Promise<BaseBackup[]> {
    const all = await Array.fromAsync(this.#each());
    return all.filter(({ manifest }) => manifest.cluster.systemIdentifier === systemIdentifier);
  }

  async *#each(): AsyncGenerator<BaseBackup> {
    for (const { id } of this.#entries) {
      const manifest = await readBaseBackupManifest(this.#store, id).catch(ifUnreadable);
      if (manifest !== undefined) yield { id, manifest };
    }
  }
}

/** Of a manifest that cannot be trusted `verify` tells. @throws What else there is. */
function ifUnreadable(error: unknown): undefined {
  if (error instanceof OffsiteError && error.code.startsWith('MANIFEST_')) return undefined;
  throw error;
}

async function withoutBase(store: ArchiveStore, source: string): Promise<LogLook | undefined> {
  for await (const { storedAt } of store.list(`${walPrefix}${source}/`))
    return {
      newestAt: undefined,
      since: storedAt,
      gaps: [],
      isFull: true,
      next: undefined,
      ask: async () => undefined,
    };
  return undefined;
}

/** What came since the last look; `undefined` where that cannot be told from there: a timeline may have left before it. */
async function followed(
  store: ArchiveStore,
  cluster: Cluster,
  newest: BaseBackup,
  state: LogState | undefined,
): Promise<StoredLog | undefined> {
  // A base backup of a timeline before it: what it needs is not behind it.
  if (state === undefined || newest.manifest.timeline < Number.parseInt(state.last.slice(0, 8), 16))
    return undefined;
  const log = await readClusterLog(store, cluster, `${walFolder(cluster)}${state.last}.`);
  const { timeline: fromTimeline, startLsn } = resumedAt(state, newest).manifest;
  const from = parseLsn(startLsn) ?? 0n;
  const isStray = [...log.histories].some(
    ([timeline, ancestors]) => !leadsTo({ fromTimeline, from, timeline, ancestors }),
  );
  return isStray ? undefined : log;
}

/** From the last look on, and from a base backup since. */
function continued(newest: BaseBackup, state: LogState): BaseBackup[] {
  const resumed = resumedAt(state, newest);
  return beginsAfter(newest, state.last) ? [newest, resumed] : [resumed];
}

/** Copies of segments that were begun are many, and what they hold comes again with the whole one, against which they are held. */
function neededBy(
  files: readonly StoredWal[],
  starts: readonly BaseBackup[],
  state: LogState | undefined,
): StoredWal[] {
  const since = state === undefined ? 0 : Date.parse(state.lookedUntil);
  return files.filter(
    ({ kind, name, storedAt, isDamaged }) =>
      !isDamaged &&
      (kind === 'history' || (kind === 'segment' && starts.some((base) => !beginsAfter(base, name)))) &&
      storedAt.getTime() > since,
  );
}

async function askToRead(
  store: ArchiveStore,
  cluster: Cluster,
  files: readonly StoredWal[],
  listed: readonly StoredWal[],
): Promise<void> {
  const begun = listed.filter(({ kind }) => kind === 'begun');
  const copies = Map.groupBy(begun, ({ name }) => name.slice(0, 24));
  for (let at = 0; at < files.length; at += filesAtOnce) {
    const some = files
      .slice(at, at + filesAtOnce)
      .flatMap((file) => [file, ...(copies.get(file.name) ?? [])])
      .map(({ key }) => key);
    const first = parseWalKey(some[0] ?? '');
    if (first !== undefined)
      await store.write(dueWalKey({ ...cluster, file: first.file }), serializeDueLog(some));
  }
}
