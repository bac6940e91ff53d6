// The history of a timeline: which ones it came from, and where it left each. A promotion begins a new one.

import { type Lsn, parseLsn } from './segment.ts';

/** A timeline that another came from. */
export type Ancestor = {
  readonly timeline: number;
  /** Where its child begins. */
  readonly leftAt: Lsn;
};

/** What the file of a timeline's history is called. */
export function historyName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
}

export function isHistory(name: string): boolean {
  return name.endsWith('.history');
}

/**
 * Reads a `.history` file.
 *
 * @returns The oldest first; `undefined` if it is none.
 */
export function parseHistory(text: string): Ancestor[] | undefined {
  const ancestors: Ancestor[] = [];
  for (const line of text.split('\n')) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, timeline, position = ''] = /^\s*(\d+)\s+(\S+)/.exec(line) ?? [];
    const leftAt = parseLsn(position);
    const before = ancestors.at(-1);
    if (timeline === undefined || leftAt === undefined) return undefined;
    if (before !== undefined && (before.timeline >= Number(timeline) || before.leftAt > leftAt))
      return undefined;
    ancestors.push({ timeline: Number(timeline), leftAt });
  }
  return ancestors.length === 0 ? undefined : ancestors;
}
