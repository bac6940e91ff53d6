// One guard at a time. The lock is in the vault and no file of this machine's, so that a second guard on another machine is
// seen, too; its age is told by the store's clock alone. All that a guard does may be done twice (the cloud's handlers are woken
// twice as well): where a store does not know how to create only, two that begin at the same instant cost some reading.

import { hostname } from 'node:os';
import * as z from 'zod';
import { guardPrefix } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { parseJson } from '../base/parse-json.ts';
import { hasEnded, ownIdentity } from '../base/process-identity.ts';
import { formatInstant } from '../base/quantities.ts';
import type { ArchiveStore, StoredObject } from '../store/store.ts';

export type GuardLock = {
  /** Gives it back; whoever is killed before leaves it to its end. */
  release(): Promise<void>;
};

type LockStore = Pick<ArchiveStore, 'list' | 'readText' | 'create' | 'write' | 'delete' | 'clockAheadMs'>;

/** A lock that was not renewed for so long is a killed guard's; of this machine's own it is known at once. */
const lastsMs = 15 * 60_000;
const renewedEveryMs = 4 * 60_000;

const heldSchema = z.object({
  holder: z.string(),
  isHeld: z.boolean(),
  identity: z.object({ pid: z.int(), place: z.string(), began: z.string() }).optional(),
});

/**
 * Takes the lock.
 *
 * @param warn - Is told of a renewal that failed, and of what could not be tidied.
 * @throws {@link OffsiteError} `GUARD_RUNS` if another guard has it.
 * @remarks Each holder takes the next number, which only one can create; the highest counts. So a lock that has ended is
 *   never taken from under somebody who has just taken it.
 */
export async function takeLock(
  store: LockStore,
  now: () => Date,
  warn: (sentence: string) => void,
): Promise<GuardLock> {
  const before: StoredObject[] = [];
  for await (const object of store.list(guardPrefix)) if (numberOf(object.key) > 0) before.push(object);
  const newest = before.at(-1);
  if (newest !== undefined) await assertFree(store, newest, now);
  const key = keyOf(newest === undefined ? 1 : numberOf(newest.key) + 1);
  const holder = `${hostname()}, process ${process.pid}`;
  const identity = ownIdentity();
  const text = (isHeld: boolean) => JSON.stringify({ holder, isHeld, identity });
  await store.create(key, text(true)).catch((error) => {
    throw error instanceof OffsiteError && error.code === 'ARCHIVE_EXISTS'
      ? guardRuns('one that has just begun')
      : error;
  });
  // They count for nothing; a key that may not delete reads and watches all the same.
  for (const { key: old } of before) await store.delete(old).catch((error: Error) => warn(error.message));
  const renewing = setInterval(() => {
    store.write(key, text(true)).catch((error: Error) => warn(`the lock was not renewed: ${error.message}`));
  }, renewedEveryMs).unref();
  return {
    async release() {
      clearInterval(renewing);
      await store.write(key, text(false));
    },
  };
}

async function assertFree(store: LockStore, { key, storedAt }: StoredObject, now: () => Date): Promise<void> {
  const ageMs = now().getTime() - (store.clockAheadMs?.() ?? 0) - storedAt.getTime();
  if (ageMs > lastsMs) return;
  const held = parseJson(heldSchema, (await store.readText(key))?.text);
  // What nobody can read was written by somebody; it ends.
  if (held?.isHeld === false || (held?.identity && hasEnded(held.identity))) return;
  throw guardRuns(`${held?.holder ?? 'one of another version'}, seen last ${formatInstant(storedAt)}`);
}

/** Ten digits: they sort as numbers do. */
function keyOf(number: number): string {
  return `${guardPrefix}${String(number).padStart(10, '0')}.json`;
}

function numberOf(key: string): number {
  return Number.parseInt(key.slice(guardPrefix.length), 10) || 0;
}

function guardRuns(found: string): OffsiteError {
  return new OffsiteError('GUARD_RUNS', 'another guard looks after this vault now', {
    expected: 'one guard at a time',
    found,
    hint: `nothing has to be done: wait for its end, then run the same command again; the lock of one that was killed on another machine ends ${lastsMs / 60_000} min after it was seen last`,
  });
}
