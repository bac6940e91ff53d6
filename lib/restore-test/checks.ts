// A file of named SQL checks: the shipped one, or the operator's own. Plain SQL and comments, so that each can be tried
// in any client; which check is which says a comment line of its own.

import { checksPrefix } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { plural } from '../base/quantities.ts';

/** One question to a restored database. */
export type Check = {
  readonly name: string;
  /** What it says of a database for which it is not true. */
  readonly severity: 'fail' | 'warn';
  /** Tables, functions or triggers without which the question does not arise. */
  readonly needs?: readonly string[];
  readonly sql: string;
};

const header =
  /^-- check: *(?<name>[a-z][a-z0-9_]{0,62})(?<warns> *, *warns)?(?: *, *needs (?<needs>[a-z][a-z0-9_ ]*))? *$/;
/** What looks as if it were meant to be one. */
const almostHeader = /^--\s*check\b/i;

/**
 * Reads a file of checks.
 *
 * @param file - Its name, for errors.
 * @throws {@link OffsiteError} `CHECKS_INVALID` naming the line: nothing is run of a file that is wrong anywhere.
 */
export function parseChecks(text: string, file: string): Check[] {
  const checks: (Omit<Check, 'sql'> & { lines: string[]; line: number })[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const { name, warns, needs = '' } = header.exec(line)?.groups ?? {};
    if (name !== undefined) {
      if (checks.some((check) => check.name === name))
        throw invalid(file, index + 1, `a second check ${name}`);
      checks.push({
        name,
        severity: warns === undefined ? 'fail' : 'warn',
        needs: needs.split(' ').filter(Boolean),
        lines: [],
        line: index + 1,
      });
    } else if (almostHeader.test(line)) {
      throw invalid(file, index + 1, line);
    } else if (checks.length > 0) {
      checks.at(-1)?.lines.push(line);
    } else if (line.trim() !== '' && !line.startsWith('--')) {
      throw invalid(file, index + 1, 'SQL before the first check');
    }
  }
  const empty = checks.find(({ lines }) => lines.every((line) => /^\s*(--.*)?$/.test(line)));
  if (empty !== undefined) throw invalid(file, empty.line, `no SQL for ${empty.name}`);
  if (checks.length === 0) throw invalid(file, 1, 'no check at all');
  return checks.map(({ lines, line: _, ...check }) => ({ ...check, sql: lines.join('\n').trim() }));
}

/**
 * Reads a check's answer.
 *
 * @param row - Its last statement's only row: passed, and what was found.
 * @returns The outcome; an answer of another form is a failure that says so.
 */
export function judgeCheck(
  { severity }: Check,
  rows: readonly (readonly (string | null)[])[],
): { readonly outcome: 'pass' | 'warn' | 'fail'; readonly detail: string } {
  const [row] = rows;
  if (row === undefined || rows.length > 1 || row.length < 2)
    return {
      outcome: 'fail',
      detail: `${plural(rows.length, 'row')} of ${plural(row?.length ?? 0, 'column')}: one row of two is an answer`,
    };
  const [passed, detail] = row;
  const outcome = passed === null || passed === undefined ? undefined : answers[passed];
  const said = (detail ?? '').replaceAll(/\s+/g, ' ').slice(0, 300);
  if (outcome === undefined) return { outcome: severity, detail: said || `the answer ${passed ?? 'NULL'}` };
  return { outcome: outcome === 'no' ? severity : outcome, detail: said };
}

const answers: Readonly<Record<string, 'pass' | 'warn' | 'fail' | 'no'>> = {
  t: 'pass',
  true: 'pass',
  f: 'no',
  false: 'no',
  pass: 'pass',
  warn: 'warn',
  fail: 'fail',
};

function invalid(file: string, line: number, found: string): OffsiteError {
  return new OffsiteError('CHECKS_INVALID', `${file} is no file of checks`, {
    expected:
      "lines '-- check: name', '-- check: name, warns' or '-- check: name, needs table', each followed by the check's SQL",
    found: `line ${line}: ${found}`,
    hint: 'offsite restore-test --print-checks shows an example',
  });
}

/** Where a source's own checks are kept in the vault. */
export function checksKey(source: string): string {
  return `${checksPrefix}${source}.sql`;
}
