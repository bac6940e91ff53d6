// The order of the performance, and the book that is kept of it: what each step expected and found, and its figures.

import { isDeepStrictEqual } from 'node:util';
import { describeError } from '../../base/errors.ts';
import { HandlerFailure } from '../aws/lambda-runtime.ts';
import type { Narrator, Outcome, Row } from './narrator.ts';

const lastLogLines = 20;

/** What a step has at hand to tell and to check. */
export type Scene = Pick<Narrator, 'say' | 'command' | 'quote'> & {
  /** Compares; a difference makes the step not as expected, and the story goes on. */
  check(what: string, expected: unknown, found: unknown): void;
  /** For `--json`. */
  figures(values: Readonly<Record<string, unknown>>): void;
  /** The step in a few words, for the table at the end. */
  summarize(text: string): void;
};

/** A step as `--json` writes it. */
export type StepRecord = Row & {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly faults: readonly string[];
};

export type Book = {
  /**
   * Plays a step. One that throws ends the story: steps after it are entered as not reached and are not played.
   *
   * @returns What the step returned; nothing that can be used, once the story has ended.
   */
  play<T>(title: string, step: (scene: Scene) => Promise<T>): Promise<T>;
  readonly records: readonly StepRecord[];
};

export function openBook(narrator: Narrator): Book {
  const records: StepRecord[] = [];
  let ended = false;
  return {
    records,
    async play<T>(title: string, step: (scene: Scene) => Promise<T>): Promise<T> {
      const startedAt = performance.now();
      const figures: Record<string, unknown> = {};
      const faults: string[] = [];
      let summary = '';
      let result: T | undefined;
      const enter = (outcome: Outcome) => {
        const durationMs = Math.round(performance.now() - startedAt);
        records.push({ title, outcome, durationMs, summary, figures, faults });
        if (outcome !== 'not reached') narrator.close(outcome, durationMs, faults);
      };
      if (ended) {
        enter('not reached');
        return undefined as T;
      }
      narrator.heading(records.length + 1, title);
      try {
        result = await step({
          say: narrator.say,
          command: narrator.command,
          quote: narrator.quote,
          check: (what, expected, found) => {
            if (!isDeepStrictEqual(expected, found)) faults.push(describeFault(what, expected, found));
          },
          figures: (values) => void Object.assign(figures, values),
          summarize: (text) => {
            summary = text;
          },
        });
      } catch (error) {
        ended = true;
        faults.push(describeError(error));
        if (error instanceof HandlerFailure)
          narrator.quote(error.logs.split('\n').slice(-lastLogLines).join('\n'));
      }
      enter(faults.length === 0 ? 'as expected' : 'not as expected');
      return result as T;
    },
  };
}

/** Of lists, only what the other one lacks. */
function describeFault(what: string, expected: unknown, found: unknown): string {
  if (!Array.isArray(expected) || !Array.isArray(found)) {
    return `${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`;
  }
  const lackedBy = (list: unknown[], items: unknown[]) =>
    items.filter((item) => !list.some((other) => isDeepStrictEqual(item, other)));
  const [missing, surplus] = [lackedBy(found, expected), lackedBy(expected, found)];
  if (missing.length + surplus.length === 0) return `${what}: in another order: ${JSON.stringify(found)}`;
  return `${what}: missing ${JSON.stringify(missing)}, not expected ${JSON.stringify(surplus)}`;
}
