// Text in columns: for mails and terminals.

import { hanging } from '../base/wrap.ts';

/** Two columns; the following lines of a text stand under its first. A word that is too long stays whole. */
export function hangingTable(rows: readonly (readonly [string, string])[], width: number): string {
  const heading = Math.max(0, ...rows.map(([word]) => word.length)) + 2;
  return rows.flatMap(([word, text]) => hanging(word.padEnd(heading), text, width)).join('\n');
}

export function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
