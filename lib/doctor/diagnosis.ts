// What `offsite doctor` found, as lines and as an exit code.

import { exitCodes, type OffsiteError } from '../base/errors.ts';
import { plural } from '../base/quantities.ts';

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

/** A check that failed with an error. */
export function failedCheck(name: string, error: OffsiteError): Check {
  const { message, found, hint, exitCode } = error;
  return { name, outcome: 'fail', found: `${message}: ${found}`, advice: hint, exitCode };
}

/** 0 if nothing failed, else the exit code of the first that did. */
export function diagnosisExitCode(checks: readonly Check[]): number {
  const first = checks.find(({ outcome }) => outcome === 'fail');
  return first === undefined ? 0 : (first.exitCode ?? exitCodes.unexpected);
}

const marks: Record<Check['outcome'], string> = { pass: 'ok  ', warn: 'warn', fail: 'FAIL' };

/** Lays the checks out, the last line a summary. */
export function describeDiagnosis(checks: readonly Check[], columns = 80): string {
  return `${[...describeChecks(checks, columns), '', summary(checks)].join('\n')}\n`;
}

/**
 * Lays checks out.
 *
 * @returns Lines of at most `columns` columns (a word that is longer stands whole).
 */
export function describeChecks(checks: readonly Check[], columns = 80): string[] {
  const nameWidth = Math.max(...checks.map(({ name }) => name.length));
  const indent = marks.pass.length + 2 + nameWidth + 2;
  return checks.flatMap(({ name, outcome, found, advice }) => {
    const head = `${marks[outcome]}  ${name.padEnd(nameWidth)}  `;
    const body = wrap(found, columns - indent);
    const todo = advice === undefined ? [] : wrap(advice, columns - indent - 2);
    return [
      ...body.map((line, index) => `${index === 0 ? head : ' '.repeat(indent)}${line}`),
      ...todo.map((line, index) => `${' '.repeat(indent)}${index === 0 ? '> ' : '  '}${line}`),
    ];
  });
}

function summary(checks: readonly Check[]): string {
  const count = (outcome: Check['outcome']) => checks.filter((check) => check.outcome === outcome).length;
  const [fails, warns] = [count('fail'), count('warn')];
  const warnings = warns === 0 ? '' : `, ${plural(warns, 'warning')}`;
  if (fails > 0)
    return `${fails} of ${plural(checks.length, 'check')} failed${warnings}: a back-up would not succeed.`;
  return `${plural(checks.length, 'check')}, none failed${warnings}: ready to back up.`;
}

function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [''];
    for (const word of paragraph.split(' ')) {
      const last = lines.at(-1) as string;
      if (last === '') lines[lines.length - 1] = word;
      else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
      else lines.push(word);
    }
    return lines;
  });
}
