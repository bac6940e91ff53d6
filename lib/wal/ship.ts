// ship: empties the folder that archive_command fills. Nothing leaves it that is not proven to be in the store.

import { existsSync } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseWalFile, type WalFile } from '../archive/wal-names.ts';
import { nothingIf, OffsiteError } from '../base/errors.ts';
import type { Compressor } from '../gzip/member-stream.ts';
import type { ArchiveStore } from '../store/store.ts';
import { headOfSegment } from './cluster.ts';
import { type PushedWal, pushWal, unreadableError } from './push.ts';

export type ShipOptions = {
  readonly store: ArchiveStore;
  readonly source: string;
  readonly folder: string;
  readonly systemIdentifier: string | undefined;
  readonly formers?: readonly string[] | undefined;
  readonly compressor?: Compressor | undefined;
  /** Called as each is stored, before it leaves the folder. */
  readonly onPushed?: (pushed: PushedWal) => void | Promise<void>;
  /** Which of the files are meant; all, where this is not said. */
  readonly isDue?: (file: WalFile) => boolean;
  /** In the place of removing it. */
  readonly whenStored?: (file: WalFile) => Promise<void> | void;
  readonly signal?: AbortSignal | undefined;
};

export type Shipped = {
  readonly shipped: number;
  readonly plainBytes: number;
  /** Why others are still there. */
  readonly failures: readonly { readonly name: string; readonly error: OffsiteError }[];
};

/** Segments that are on their way at once: the oldest of them is stored before a further one begins. */
export const shippedAtOnce = 4;

/**
 * Ships what is in a folder now.
 *
 * @throws {@link OffsiteError} `WAL_UNREADABLE` if there is no such folder; what is wrong with the store, not with one file: the rest stays where it is.
 */
export async function shipWal(options: ShipOptions): Promise<Shipped> {
  const { folder, signal } = options;
  const waiting = (await walFilesIn(folder)).filter(options.isDue ?? (() => true));
  const failures: Shipped['failures'][number][] = [];
  const course = { systemIdentifier: options.systemIdentifier, shipped: 0, plainBytes: 0 };
  const remove = ({ name }: WalFile) => rm(join(folder, name), { force: true });
  const former = await formersOf(options, waiting);
  const push = async (file: WalFile) => {
    const path = join(folder, file.name);
    const systemIdentifier = namesNone(file)
      ? (former.get(file.timeline) ?? course.systemIdentifier)
      : course.systemIdentifier;
    const pushed = await pushWal({ ...options, path, systemIdentifier });
    course.systemIdentifier ??= pushed.systemIdentifier;
    await options.onPushed?.(pushed);
    await (options.whenStored ?? remove)(file);
    course.shipped += 1;
    course.plainBytes += pushed.plainBytes;
  };
  const underWay: { readonly file: WalFile; readonly pushing: Promise<void> }[] = [];
  const settleOldest = async () => {
    const { file, pushing } = underWay.shift() as (typeof underWay)[number];
    try {
      await pushing;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isOfFile(error)) throw error;
      // What is not there any more was shipped by another.
      const isGone = error.code === 'WAL_UNREADABLE' && !existsSync(join(folder, file.name));
      if (!isGone) failures.push({ name: file.name, error });
    }
  };
  try {
    for (const file of inOrder(waiting, course.systemIdentifier)) {
      signal?.throwIfAborted();
      const pushing = push(file);
      pushing.catch(() => undefined);
      underWay.push({ file, pushing });
      // A history goes before what it is the history of; and the first tells whose all are.
      const room = file.kind === 'history' || course.systemIdentifier === undefined ? 1 : shippedAtOnce;
      while (underWay.length >= room) await settleOldest();
    }
    while (underWay.length > 0) await settleOldest();
  } finally {
    // They still remove what they have stored.
    await Promise.allSettled(underWay.map(({ pushing }) => pushing));
  }
  return { shipped: course.shipped, plainBytes: course.plainBytes, failures };
}

/** How much waits in a folder, and since when: what is on its disk until it is shipped. */
export type Backlog = { readonly files: number; readonly bytes: number; readonly since: Date | undefined };

/**
 * Sees what waits; a segment that pg_receivewal is writing does not.
 *
 * @throws {@link OffsiteError} `WAL_UNREADABLE` if there is no such folder.
 */
export async function readBacklog(folder: string): Promise<Backlog> {
  const waiting = (await walFilesIn(folder)).filter(({ kind }) => kind !== 'partial');
  const found = await Promise.all(waiting.map(({ name }) => stat(join(folder, name)).catch(() => undefined)));
  const there = found.filter((file) => file !== undefined);
  const since = there.length === 0 ? undefined : new Date(Math.min(...there.map(({ mtimeMs }) => mtimeMs)));
  return { files: there.length, bytes: there.reduce((sum, { size }) => sum + size, 0), since };
}

/** The files of the log in a folder; other names are let be. @throws {@link OffsiteError} `WAL_UNREADABLE` */
export async function walFilesIn(folder: string): Promise<WalFile[]> {
  const names = await readdir(folder).catch((error: Error) => {
    throw unreadableError(folder, error.message);
  });
  return names.map(parseWalFile).filter((file) => file !== undefined);
}

/** Which timelines in the folder are those of a cluster before, and of it alone: a history does not say whose it is. */
async function formersOf(
  { folder, systemIdentifier, formers = [] }: ShipOptions,
  waiting: readonly WalFile[],
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  if (formers.length === 0 || !waiting.some(namesNone)) return found;
  const segments = waiting.filter((file) => !namesNone(file));
  for (const { name, timeline } of segments) {
    // What is wrong with it is said when it is shipped.
    await using file = await open(join(folder, name)).catch(() => undefined);
    const head = file && (await headOfSegment(file, name).catch(nothingIf(/^WAL_INVALID$/)));
    if (head === undefined || found.get(timeline) === systemIdentifier) continue;
    found.set(timeline, head.systemIdentifier);
  }
  return found;
}

function namesNone({ kind }: WalFile): boolean {
  return kind === 'history' || kind === 'label';
}

/** Histories first, unless none knows whose they are: then a segment. */
function inOrder(files: readonly WalFile[], systemIdentifier: string | undefined): WalFile[] {
  const sorted = files.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const isFirst = ({ kind }: WalFile) => kind === 'history';
  const ordered = [...sorted.filter(isFirst), ...sorted.filter((file) => !isFirst(file))];
  const telling = ordered.findIndex((file) => !namesNone(file));
  if (systemIdentifier !== undefined || telling < 0) return ordered;
  return [...ordered.splice(telling, 1), ...ordered];
}

/** Whether it says something of one file, and the others may go. */
function isOfFile(error: unknown): error is OffsiteError {
  return (
    error instanceof OffsiteError &&
    ['WAL_INVALID', 'WAL_FOREIGN', 'WAL_CONFLICT', 'WAL_UNREADABLE'].includes(error.code)
  );
}
