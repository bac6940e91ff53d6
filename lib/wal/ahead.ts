// What follows the segment that Postgres asked for is brought while it replays, by a process of its own, so that restore_command only has
// to move it into its place: a few words of sh, and no start of this program for each. What lies there is whole and proven. It is of one
// run of the server, whose postmaster.pid names it: what an earlier recovery left is never given.

import { spawn } from 'node:child_process';
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { walFolder } from '../archive/wal-names.ts';
import type { ArchiveStore } from '../store/store.ts';
import { bringWal, copiesOf, partialOf } from './bring.ts';
import { type Cluster, eachWal, type StoredWal } from './read-wal.ts';
import { aheadVariable } from './restore-command.ts';
import { comesNext, copyWanted, isBehind } from './segment.ts';

/** Beside what Postgres asks for, so that giving it is a rename. */
const folderName = '.offsite-ahead';
/** Who brings: a process that is not named there any more ends. */
const ownerName = 'owner';

const atOnce = 4;
/** How much may lie there; one segment always. */
const aheadBytes = 256 * 2 ** 20;
const lookEveryMs = 50;
/** How many looks long a segment is waited for that is on its way. */
const looks = 600;

/**
 * The restore_command of a recovery. bin/offsite begins with the same words.
 *
 * @param fetch - Brings what is not there and does not come.
 */
export function restoreCommandOf(fetch: string): string {
  const named = 'o= s=; { read -r o && read -r _ && read -r s; } 2>/dev/null <postmaster.pid';
  const ahead = `pg_wal/${folderName}/$o-$s/%f`;
  const comes = `[ ! -e "$a" ] && set -- "$a".offsite-* && kill -0 "\${1##*-}" 2>/dev/null && [ $((n=n+1)) -le ${looks} ]`;
  return `${named}; a=${ahead} n=0; while ${comes}; do sleep 0.05; done; mv "$a" %p 2>/dev/null || ${fetch}`;
}

/** Where what was brought ahead lies, of the server that runs in the working directory. @param path - Where it wants what it asks for. */
export async function aheadFolder(path: string): Promise<string> {
  const text = await readFile('postmaster.pid', 'utf8').catch(() => '');
  const [server = '', , since = ''] = text.split('\n');
  return join(dirname(path), folderName, `${server.trim()}-${since.trim()}`);
}

/** Gives what lies there, or is on its way. @returns Whether it was. */
export async function giveAhead(folder: string, name: string, path: string): Promise<boolean> {
  const names = () => readdir(folder).catch((): string[] => []);
  for (let look = 0, there = await names(); look < looks; look += 1, there = await names()) {
    if (there.includes(name)) {
      await rename(join(folder, name), path);
      return true;
    }
    if (!there.some((one) => one.startsWith(partialOf(name, '')) && isAlive(one))) return false;
    await sleep(lookEveryMs);
  }
  return false;
}

/** Removes all that was brought ahead; who brings it ends. */
export async function dropAhead(walFolder: string): Promise<void> {
  await rm(join(walFolder, folderName), { recursive: true, force: true, maxRetries: 20 });
}

/**
 * Has a process bring what follows, in the place of the one that did, if there was one.
 *
 * @param start - Starts it. @returns Its id.
 * @param next - The first that it will bring, as is known now: nobody else has to.
 */
export async function handOver(folder: string, next: string, start: () => number | undefined): Promise<void> {
  await dropAhead(dirname(dirname(folder)));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const pid = start();
  if (pid === undefined) return;
  await writeFile(join(folder, ownerName), String(pid));
  await writeFile(partialOf(join(folder, next), pid), '');
}

/** Starts this very command once more, to bring what follows. It outlives the command, and the server does not wait for it. */
export function startBringing(): number | undefined {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    env: { ...process.env, [aheadVariable]: '1' },
    stdio: 'ignore',
  });
  child.on('error', () => undefined);
  child.unref();
  return child.pid;
}

export type BringOptions = {
  readonly store: ArchiveStore;
  readonly cluster: Cluster;
  readonly folder: string;
  /** What was asked for last. */
  readonly name: string;
  readonly ahead: number;
  readonly until?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly limits?: AheadLimits;
};

/** When it ends though more would follow: nothing was taken for so long, or the disk has no more than that left. */
export type AheadLimits = { readonly idleMs: number; readonly freeBytes: number };
const usualLimits: AheadLimits = { idleMs: 60_000, freeBytes: 2 * aheadBytes };

/**
 * Brings what follows until the log ends, something of it cannot be had, or nobody takes it any more. What is wrong with one of them is
 * told when it is asked for.
 */
export async function bringAhead(options: BringOptions): Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  options.signal?.addEventListener('abort', () => ending.abort());
  const place = new Place(options, signal);
  const underWay = new Set<Promise<void>>();
  let claimed: string | undefined;
  let hasFailed = false;
  const bring = async ({ wal, copies }: Follower) => {
    const { store, cluster } = options;
    await bringWal(store, cluster, wal, place.pathOf(wal.name), signal, copies).catch(() => {
      hasFailed = true;
    });
  };
  try {
    for await (const follower of followersOf(options)) {
      claimed = partialOf(place.pathOf(follower.wal.name), process.pid);
      await (await open(claimed, 'w', 0o600)).close();
      if (!(await place.hasRoom(() => underWay.size)) || hasFailed) break;
      claimed = undefined;
      const bringing: Promise<void> = bring(follower).finally(() => underWay.delete(bringing));
      underWay.add(bringing);
    }
    if (claimed !== undefined) await rm(claimed, { force: true });
    await Promise.all(underWay);
    await place.emptied();
  } catch {
    // The store, or the folder went: who asks for the next one is told.
  } finally {
    ending.abort();
    await Promise.allSettled(underWay);
    if (claimed !== undefined) await rm(claimed, { force: true });
    if (await place.isOurs()) await rm(options.folder, { recursive: true, force: true });
  }
}

/** The folder, as the process sees it that brings. */
class Place {
  readonly #folder: string;
  readonly #ahead: number;
  readonly #limits: AheadLimits;
  readonly #signal: AbortSignal;
  #seen = '';
  #seenAt = performance.now();

  constructor({ folder, ahead, limits = usualLimits }: BringOptions, signal: AbortSignal) {
    this.#folder = folder;
    this.#ahead = ahead;
    this.#limits = limits;
    this.#signal = signal;
  }

  pathOf(name: string): string {
    return join(this.#folder, name);
  }

  async isOurs(): Promise<boolean> {
    const owner = await readFile(this.pathOf(ownerName), 'utf8').catch(() => '');
    return owner === String(process.pid);
  }

  /** Waits for it. @returns Whether it came. */
  async hasRoom(underWay: () => number): Promise<boolean> {
    for (;;) {
      // Before what lies there: who comes to lie there meanwhile is counted twice, and not left out.
      const coming = underWay();
      const lying = await this.#lying();
      if (lying === undefined) return false;
      const segmentBytes = (await stat(lying[0] ?? '').catch(() => undefined))?.size;
      const most = aheadOf(this.#ahead, segmentBytes);
      if (coming < Math.min(atOnce, most) && lying.length + coming < most) return this.#diskHasRoom();
      await sleep(lookEveryMs, undefined, { signal: this.#signal });
    }
  }

  /** Waits until all of it was taken, or nobody takes it. */
  async emptied(): Promise<void> {
    while ((await this.#lying())?.length) await sleep(lookEveryMs, undefined, { signal: this.#signal });
  }

  /** Paths of whole segments; `undefined` where nobody takes them any more, or another brings them. */
  async #lying(): Promise<string[] | undefined> {
    const names = (await readdir(this.#folder)).filter((name) => !/[^0-9A-F]/.test(name));
    const seen = names.join();
    if (seen !== this.#seen) this.#seenAt = performance.now();
    this.#seen = seen;
    const isIdle = names.length > 0 && performance.now() - this.#seenAt > this.#limits.idleMs;
    if (isIdle || !(await this.isOurs())) return undefined;
    return names.map((name) => this.pathOf(name));
  }

  async #diskHasRoom(): Promise<boolean> {
    const { bavail, bsize } = await statfs(this.#folder);
    return bavail * bsize > this.#limits.freeBytes;
  }
}

/** How many may lie there. The first shows how long they are. */
export function aheadOf(ahead: number, segmentBytes: number | undefined): number {
  const fitting = segmentBytes === undefined ? 1 : Math.max(1, Math.floor(aheadBytes / segmentBytes));
  return Math.min(ahead, fitting);
}

type Follower = { readonly wal: StoredWal; readonly copies: StoredWal[] };

/** Those after it on its timeline, up to one that is not there, or there twice. */
async function* followersOf({ store, cluster, name, until }: BringOptions): AsyncGenerator<Follower> {
  let [last, group] = [name, [] as StoredWal[]];
  const next = (): Follower | undefined => {
    const [wal, ...others] = group.filter(({ kind }) => kind === 'segment');
    if (wal === undefined || others.length > 0 || !comesNext(last, wal.name)) return undefined;
    if (isBehind(wal.name, until) || copyWanted(wal.name, until) !== undefined) return undefined;
    last = wal.name;
    return { wal, copies: copiesOf(wal, group) };
  };
  const after = `${walFolder(cluster)}${name}~`;
  for await (const wal of eachWal(store, cluster, name.slice(0, 8), after)) {
    // Not every store knows where to begin.
    if (wal.name.slice(0, 24) <= name) continue;
    if (group.length > 0 && !wal.name.startsWith(group[0]?.name.slice(0, 24) ?? '')) {
      const follower = next();
      if (follower === undefined) return;
      yield follower;
      group = [];
    }
    if (wal.kind === 'segment' || wal.kind === 'begun') group.push(wal);
  }
  const follower = next();
  if (follower !== undefined) yield follower;
}

function isAlive(partial: string): boolean {
  try {
    return process.kill(Number(partial.slice(partial.lastIndexOf('-') + 1)), 0);
  } catch {
    return false;
  }
}
