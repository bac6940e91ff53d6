// What the checks of a restored database said, in words.

import { printable } from '../base/printable.ts';
import { formatCount } from '../base/quantities.ts';
import { wrap } from '../base/wrap.ts';
import type { CheckResult } from './report.ts';

/** How many checks passed, warned and failed, and how many were skipped. */
type Tally = Readonly<Record<CheckResult['outcome'], number>>;

export function tallyOf(checks: readonly CheckResult[]): Tally {
  const tally = { pass: 0, warn: 0, fail: 0, skip: 0 };
  for (const { outcome } of checks) tally[outcome] += 1;
  return tally;
}

/** `19 pass, 1 warns, 1 FAILS, 2 do not apply`; what did not occur is not named. */
export function describeTally({ pass, warn, fail, skip }: Tally): string {
  const verb = (count: number, word: string) => `${formatCount(count)} ${word}${count === 1 ? 's' : ''}`;
  return [
    pass > 0 ? (pass === 1 ? '1 passes' : `${formatCount(pass)} pass`) : '',
    warn > 0 ? verb(warn, 'warn') : '',
    fail > 0 ? verb(fail, 'fail') : '',
    skip > 0 ? (skip === 1 ? '1 does not apply' : `${formatCount(skip)} do not apply`) : '',
  ]
    .filter(Boolean)
    .join(', ');
}

const widestName = 30;

/**
 * Checks as lines of text, the gravest first.
 *
 * @param width - What a line may take; the following lines of a detail stand under its first.
 */
export function checkLines(checks: readonly CheckResult[], width: number): string {
  const names = checks.map(({ name }) => name.length).filter((length) => length <= widestName);
  const nameWidth = Math.max(0, ...names);
  const margin = ' '.repeat(nameWidth + 8);
  return byGravity(checks)
    .map(({ name, outcome, detail }) => {
      const head = `${outcome === 'fail' ? 'FAIL' : outcome}  ${printable(name).padEnd(nameWidth)}`;
      const lines = wrap(margin + printable(detail.replaceAll(/\s+/g, ' ').trim()), width).map((line) =>
        line.trimEnd(),
      );
      if (name.length > widestName) return [head, ...lines].join('\n');
      return [head + (lines[0] ?? '').slice(head.length), ...lines.slice(1)].join('\n');
    })
    .join('\n');
}

/** Failed checks, then warnings, then the others, and what was skipped last; each in their order. */
export function byGravity(checks: readonly CheckResult[]): CheckResult[] {
  const gravity = { fail: 0, warn: 1, pass: 2, skip: 3 } as const;
  return [...checks].sort((one, other) => gravity[one.outcome] - gravity[other.outcome]);
}
