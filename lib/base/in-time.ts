// What somebody else gives, and may never give: a store, a mail server, a program of the operator's.

import { formatDuration } from './quantities.ts';

/** Waits for an answer, and no longer. @throws `no answer within …`; what is answered later, nobody hears. */
export async function inTime<T>(answer: Promise<T>, withinMs = 10_000, name = 'Error'): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = Object.assign(new Error(`no answer within ${formatDuration(withinMs)}`), { name });
  const timer = setTimeout(reject, withinMs, late);
  return Promise.race([answer, promise]).finally(() => clearTimeout(timer));
}
