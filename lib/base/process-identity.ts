// What tells a process from every other: its number is given again, and each container has a number 1.

import { readFileSync, readlinkSync } from 'node:fs';
import { isAlive } from './is-alive.ts';
import { statOf } from './process.ts';

export type ProcessIdentity = {
  readonly pid: number;
  /** The machine's boot and the namespace that the number is of. */
  readonly place: string;
  /** In ticks since the boot. */
  readonly began: string;
};

/** @returns `undefined` where the system does not tell (it takes Linux). */
export function ownIdentity(): ProcessIdentity | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const place = `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
    const { began } = statOf('self');
    return began === undefined ? undefined : { pid: process.pid, place, began };
  } catch {
    return undefined;
  }
}

/**
 * Whether a process has ended, as far as can be known from here.
 *
 * @remarks The number of a namespace is given again as well, but only once none of its processes lives.
 */
export function hasEnded({ pid, place, began }: ProcessIdentity): boolean {
  if (ownIdentity()?.place !== place) return false;
  if (!isAlive(pid)) return true;
  // Some systems hide what is another user's.
  const { began: found = began } = statOf(pid);
  return found !== began;
}
