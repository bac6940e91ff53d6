// What `offsite doctor` found, as lines and as an exit code.

import { exitCodes, type OffsiteError } from '../base/errors.ts';
import { plural } from '../base/quantities.ts';
import { hanging } from '../base/wrap.ts';

/** One thing that was looked at. */
export type Check = {
  /** One or two words: it heads the line. */
  readonly name: string;
  readonly outcome: 'pass' | 'warn' | 'fail';
  /** What was found; holds no secret. */
  readonly found: string;
  /** What to do; of everything that does not pass, and of what could be better. */
  readonly advice?: string | undefined;
  /** What a failed back-up would exit with for this reason. */
  readonly exitCode?: number | undefined;
};

export function passed(name: string, found: string, advice?: string): Check {
  return { name, outcome: 'pass', found, advice };
}

export function warned(name: string, found: string, advice?: string): Check {
  return { name, outcome: 'warn', found, advice };
}

export function failed(
  name: string,
  found: string,
  advice: string | undefined,
  exitCode: number = exitCodes.dump,
): Check {
  return { name, outcome: 'fail', found, advice, exitCode };
}

export function failedCheck(name: string, error: OffsiteError): Check {
  const { message, found, hint, exitCode } = error;
  return failed(name, `${message}: ${found}`, hint, exitCode);
}

/** 0 if nothing failed, else the exit code of the first that did. */
export function diagnosisExitCode(checks: readonly Check[]): number {
  const first = checks.find(({ outcome }) => outcome === 'fail');
  return first === undefined ? 0 : (first.exitCode ?? exitCodes.unexpected);
}

const marks: Record<Check['outcome'], string> = { pass: 'ok  ', warn: 'warn', fail: 'FAIL' };

/** Lays the checks out, the last line a summary. */
export function describeDiagnosis(checks: readonly Check[], columns = 80): string {
  const sum = sumOf(checks, 'ready to back up', 'a back-up would not succeed');
  return `${[...describeChecks(checks, columns), '', sum].join('\n')}\n`;
}

/** Lays checks out. @returns Lines of at most `columns` columns (a word that is longer stands whole). */
export function describeChecks(checks: readonly Check[], columns = 80): string[] {
  const nameWidth = Math.max(...checks.map(({ name }) => name.length));
  const indent = marks.pass.length + 2 + nameWidth + 2;
  const said = new Map<string, string>();
  return checks.flatMap(({ name, outcome, found, advice }) => {
    const head = `${marks[outcome]}  ${name.padEnd(nameWidth)}  `;
    // One cause fails several checks.
    const before = advice === undefined ? undefined : said.get(advice);
    if (advice !== undefined && before === undefined) said.set(advice, name);
    const words = before === undefined ? advice : `as at ${before}`;
    const todo = words === undefined ? [] : hanging(`${' '.repeat(indent)}> `, words, columns);
    return [...hanging(head, found, columns), ...todo];
  });
}

/** What checks come to, in one sentence. */
export function sumOf(checks: readonly Check[], well: string, ill: string): string {
  const count = (outcome: Check['outcome']) => checks.filter((check) => check.outcome === outcome).length;
  const [fails, warns] = [count('fail'), count('warn')];
  const warnings = warns === 0 ? '' : `, ${plural(warns, 'warning')}`;
  const all = plural(checks.length, 'check');
  return fails > 0
    ? `${fails} of ${all} failed${warnings}: ${ill}.`
    : `${all}, none failed${warnings}: ${well}.`;
}

/** As a program is told. */
export function diagnosisAnswer(checks: readonly Check[]) {
  const ready = diagnosisExitCode(checks) === 0;
  return { ready, checks: checks.map(({ exitCode: _, ...check }) => check) };
}
