// How the rehearsal looks: 80 columns, colour only where a person looks at it.

import { styleText } from 'node:util';
import { formatDuration } from '../../base/quantities.ts';
import { wrap } from '../../base/wrap.ts';

/** How a step came out. */
export type Outcome = 'as expected' | 'not as expected' | 'not reached';

export type Row = {
  readonly title: string;
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly summary: string;
};

export type Narrator = {
  title(text: string, lines: readonly string[]): void;
  /** Opens a step. */
  heading(number: number, title: string): void;
  /** A sentence, wrapped. */
  say(text: string): void;
  /** What a person would have typed. */
  command(text: string): void;
  /** Lines as they are, of at most 78 columns: a program's output, a mail. */
  quote(text: string): void;
  close(outcome: Outcome, durationMs: number, faults: readonly string[]): void;
  /** Closes the performance. */
  table(rows: readonly Row[], durationMs: number): void;
};

type Style = Parameters<typeof styleText>[0];

const columns = 80;
/** As wide as what marks a quotation: all text stands in one column. */
const indent = '  ';
const marks = { 'as expected': '✓', 'not as expected': '✗', 'not reached': '·' } as const;
const colours = { 'as expected': 'green', 'not as expected': 'red', 'not reached': 'gray' } as const;

/**
 * Makes a narrator.
 *
 * @param write - Takes whole lines.
 * @param coloured - Whether to use the terminal's colours.
 */
export function createNarrator(write: (text: string) => void, coloured: boolean): Narrator {
  const paint = (style: Style, text: string) =>
    coloured ? styleText(style, text, { validateStream: false }) : text;
  const line = (text = '') => write(`${text}\n`);
  return {
    title(text, lines) {
      line(paint('bold', text));
      for (const one of lines) for (const part of wrap(one, columns)) line(paint('dim', part));
    },
    heading(number, title) {
      const rule = '─'.repeat(columns - title.length - String(number).length - 5);
      line();
      line(`${paint('dim', `─ ${number}`)}  ${paint('bold', title)} ${paint('dim', rule)}`);
    },
    say(text) {
      for (const part of wrap(text, columns - indent.length)) line(`${indent}${part}`.trimEnd());
    },
    command(text) {
      const parts = wrap(text, columns - indent.length - 2);
      parts.forEach((part, index) => {
        line(`${indent}${paint('dim', index === 0 ? '$' : ' ')} ${paint('cyan', part)}`);
      });
    },
    quote(text) {
      for (const one of text.trimEnd().split('\n')) line(`${paint('dim', '│')} ${one}`.trimEnd());
    },
    close(outcome, durationMs, faults) {
      for (const fault of faults.flatMap((text) => text.split('\n'))) {
        for (const part of wrap(fault, columns - indent.length))
          line(`${indent}${paint('red', part)}`.trimEnd());
      }
      const verdict = paint(colours[outcome], `${marks[outcome]} ${outcome}`);
      line(`${indent}${verdict}${paint('dim', `, ${formatDuration(durationMs)}`)}`);
    },
    table(rows, durationMs) {
      const width = Math.max(...rows.map(({ title }) => title.length));
      line();
      rows.forEach(({ title, outcome, durationMs: took, summary }, index) => {
        const time = outcome === 'not reached' ? '' : formatDuration(took);
        const left = `${String(index + 1).padStart(2)}  ${title.padEnd(width)}`;
        const [first = '', ...more] = wrap(summary, columns - left.length - 14);
        const mark = paint(colours[outcome], marks[outcome]);
        line(`${left} ${mark} ${paint('dim', time.padStart(8))}  ${first}`.trimEnd());
        for (const part of more) line(`${' '.repeat(left.length + 13)}${part}`);
      });
      line();
      const good = rows.filter(({ outcome }) => outcome === 'as expected').length;
      const verdict =
        good === rows.length
          ? paint(['bold', 'green'], `All ${good} steps as expected`)
          : paint(['bold', 'red'], `${rows.length - good} of ${rows.length} steps NOT as expected`);
      line(`${verdict}, ${formatDuration(durationMs)}.`);
    },
  };
}
