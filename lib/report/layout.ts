// Text in columns: for mails and terminals.

import { wrap } from '../mail/mail.ts';

/** Two columns; the following lines of a text stand under its first. A word that is too long stays whole. */
export function hangingTable(rows: readonly (readonly [string, string])[], width: number): string {
  const heading = Math.max(0, ...rows.map(([word]) => word.length)) + 2;
  const margin = ' '.repeat(heading);
  return rows
    .flatMap(([word, text]) => {
      const [first = '', ...rest] = text.split('\n').flatMap((line) => wrap(margin + line, width));
      return [word.padEnd(heading) + first.slice(heading), ...rest];
    })
    .join('\n');
}

export function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
