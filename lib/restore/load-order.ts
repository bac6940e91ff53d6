// Whether several sessions may be why a dump was refused. psql's order is what constraints and functions of a dump may count
// on; the parallel load keeps it where it can see that, and a function may hide anything.

import { StatementError } from '../postgres/statement-error.ts';

/**
 * Constraints that rows of other tables decide about, deadlocks and locks that were not given, what a function raises, and
 * values that it was not made for. @see https://www.postgresql.org/docs/16/errcodes-appendix.html
 */
const sensitive = /^(?:09|2[1237]|3[89]|4[04]|55|P0)/;

/** Text that is no value of its column's type is so in any order. */
const unreadable = /^COPY .*, line \d+, column /m;

/**
 * Whether the same dump may be taken after all when it is loaded by one session, in its own order.
 *
 * @param error - What a load by several sessions failed with.
 */
export function orderMayExplain(error: unknown): boolean {
  if (!(error instanceof StatementError)) return false;
  const { code = '', where = '' } = (error.cause ?? {}) as { code?: string; where?: string };
  // What it raises has any code, for it may choose one.
  if (/\bfunction\b/.test(where)) return true;
  return sensitive.test(code) && !(code.startsWith('22') && unreadable.test(where));
}

/** Whether text that is sorted and compared by other rules may be why: those of a check, or of a range that is none by them. */
export function localeMayExplain(error: unknown): boolean {
  const { code = '' } = (error instanceof StatementError ? error.cause : {}) as { code?: string };
  return ['23514', '42P17'].includes(code);
}
