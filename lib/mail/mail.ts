// Mails as a person likes to read them: the outcome in the subject, what to do in the first lines, figures in a table.

import { printable } from '../base/printable.ts';
import { wrap } from '../base/wrap.ts';
import type { FaultId } from './faults.ts';

/** A mail, before it is sent: what it is about, in short. */
export type Mail = {
  /** At most 100 printable ASCII characters: SNS refuses anything else. */
  readonly subject: string;
  /** Plain text, lines of about 80 columns. */
  readonly text: string;
  /** Whose sections of the runbook are added when it is sent. */
  readonly faults?: readonly FaultId[];
};

/** What SNS takes. */
export const subjectLimit = 100;
const textColumns = 80;
/** SNS takes 256 KB, the subject and its own fields among them. */
const textBytesMax = 200_000;

/**
 * Makes a mail.
 *
 * @param subject - Says the outcome; other than ASCII is replaced and the end is cut to what SNS takes.
 * @param paragraphs - Text blocks, parted by blank lines; empty ones are left out. Where they are more than SNS takes, the
 *   longest loses its end, and says how many lines that were.
 * @param faults - What it tells of.
 * @see https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */
export function composeMail(
  subject: string,
  paragraphs: readonly string[],
  ...faults: readonly FaultId[]
): Mail {
  const ascii = subject.replace(/[^\x20-\x7e]/g, '?').trim();
  const short = ascii.length > subjectLimit ? `${ascii.slice(0, subjectLimit - 3)}...` : ascii;
  const blocks = paragraphs
    .filter((paragraph) => paragraph !== '')
    .map((paragraph) => paragraph.split('\n').flatMap((line) => wrap(printable(line), textColumns)));
  const text = cutToSize(blocks)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
  return { subject: short, text: `${text}\n`, ...(faults.length > 0 && { faults }) };
}

/** What to do and where to read on stand in short blocks, and stay. */
function cutToSize(blocks: readonly string[][]): readonly string[][] {
  const bytes = blocks.map((lines) => Buffer.byteLength(lines.join('\n')) + 2);
  const excess = bytes.reduce((sum, one) => sum + one, 0) - textBytesMax;
  if (excess <= 0) return blocks;
  const longest = bytes.indexOf(bytes.reduce((one, other) => Math.max(one, other)));
  const lines = [...(blocks[longest] ?? [])];
  let freed = 0;
  let dropped = 0;
  // The line that says so takes room, too.
  while (freed < excess + 50 && lines.length > 1) {
    freed += Buffer.byteLength(lines.pop() ?? '') + 1;
    dropped += 1;
  }
  // A single line has no spaces to be broken at.
  if (freed < excess) lines[0] = `${lines[0]?.slice(0, textColumns)} …`;
  if (dropped > 0) lines.push(`… ${dropped.toLocaleString('en-US')} more lines`);
  return cutToSize(blocks.with(longest, lines));
}

/**
 * Lays rows out in columns.
 *
 * @returns Lines; every column but the last is padded, columns of figures (all cells but the first start with a digit)
 *   stand at the right.
 */
export function textTable(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const numeric = widths.map((_, column) =>
    rows.slice(1).every((row) => /^[\d.,-]*( [KMGT]?i?B| ms| s| h| days)?$/.test(row[column] ?? '')),
  );
  return rows
    .map((row) =>
      widths
        .map((width, column) => {
          const cell = row[column] ?? '';
          if (numeric[column] && rows.length > 1) return cell.padStart(width);
          return column === columns - 1 ? cell : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
