// The one place where a semicolon outside of parentheses does not end a statement.

import * as z from 'zod';

export const atomicBodiesSchema = z.strictObject({
  opening: z.string(),
  isRoutine: z.boolean(),
  depth: z.number(),
});

/**
 * psql's rule for the semicolons of `BEGIN ATOMIC … END`: in a statement that begins with CREATE [OR REPLACE] FUNCTION
 * or PROCEDURE, BEGIN, and CASE inside of it, are counted against END.
 *
 * @see https://github.com/postgres/postgres/blob/master/src/fe_utils/psqlscan.l
 */
export class AtomicBodies {
  /** First letters of the statement's first four words, for those words that the rule asks for. */
  #opening: string;
  #isRoutine: boolean;
  #depth: number;

  constructor(from: z.infer<typeof atomicBodiesSchema> = { opening: '', isRoutine: false, depth: 0 }) {
    this.#opening = from.opening;
    this.#isRoutine = from.isRoutine;
    this.#depth = from.depth;
  }

  suspend(): z.infer<typeof atomicBodiesSchema> {
    return { opening: this.#opening, isRoutine: this.#isRoutine, depth: this.#depth };
  }

  /** Whether a body is open, and semicolons belong to it. */
  get open(): boolean {
    return this.#depth > 0;
  }

  /** Whether further words of this statement can matter. */
  get undecided(): boolean {
    return this.#isRoutine || this.#opening.length < 4;
  }

  /** Takes the statement's next bare word; quoted identifiers do not count. */
  word(word: string, parenDepth: number): void {
    if (this.#opening.length < 4) {
      const asked = /^(?:create|or|replace|function|procedure)$/i.test(word);
      this.#opening += asked ? word.charAt(0).toLowerCase() : '-';
      this.#isRoutine = /^c(?:[fp]|or[fp])/.test(this.#opening);
    }
    if (!this.#isRoutine || parenDepth > 0) return;
    const lower = word.toLowerCase();
    if (lower === 'begin' || (lower === 'case' && this.open)) this.#depth += 1;
    if (lower === 'end' && this.open) this.#depth -= 1;
  }

  endStatement(): void {
    this.#opening = '';
    this.#isRoutine = false;
  }
}
