// Files that `offsite install` makes carry a line that says so, with a hash of the rest: what a person has changed since, or
// made himself, is his, and is neither replaced nor removed.

import { createHash } from 'node:crypto';

const mark = "# Made by 'offsite install'; 'offsite uninstall' removes it while nobody has changed it. ";
const line = new RegExp(`^${mark.replaceAll('.', '\\.')}([0-9a-f]{64})\n`, 'm');

/** What is found under a name: `same` is what would be written, `ours` an earlier one of ours. */
export type Found = 'absent' | 'same' | 'ours' | 'changed' | 'foreign';

/** Marks a text in which `#` begins a comment; a first line `#!` stays the first. */
export function marked(text: string): string {
  const at = text.startsWith('#!') ? text.indexOf('\n') + 1 : 0;
  return `${text.slice(0, at)}${mark}${hashOf(text)}\n${text.slice(at)}`;
}

/**
 * Judges what is there.
 *
 * @param there - The file's text; `undefined` if there is none.
 * @param wanted - What would be written, marked.
 */
export function foundOf(there: string | undefined, wanted?: string): Found {
  if (there === undefined) return 'absent';
  if (there === wanted) return 'same';
  const hash = line.exec(there)?.[1];
  if (hash === undefined) return 'foreign';
  return hash === hashOf(there.replace(line, '')) ? 'ours' : 'changed';
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
