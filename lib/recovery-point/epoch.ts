// A transaction's number has 64 bits, and its lower 32 are all that Postgres looks at when it recovers: one of an epoch that never was would
// be another transaction.

import { execa } from 'execa';
import { OffsiteError } from '../base/errors.ts';
import { findProgram } from '../base/find-program.ts';

const epochs = 2n ** 32n;

/** The newest transaction before the next one that has these lower 32 bits. */
export function newestOf(xid: bigint, next: bigint): bigint {
  const same = (next / epochs) * epochs + (xid % epochs);
  return same < next ? same : same - epochs;
}

/**
 * Makes sure that a server stopped at the very transaction, where its number has an epoch.
 *
 * @param folder - The data directory; the server has ended.
 * @throws {@link OffsiteError} `RECOVERY_FAILED` if it was another.
 */
export async function assertOfEpoch(folder: string, xid: string, binDir: string): Promise<void> {
  const program = findProgram('pg_controldata', binDir);
  if (BigInt(xid) < epochs || program === undefined) return;
  const { stdout } = await execa(program, ['-D', folder], { env: { LC_ALL: 'C' } });
  const [, epoch, next] = /NextXID: +(\d+):(\d+)/.exec(stdout) ?? [];
  if (epoch === undefined || next === undefined) return;
  const found = newestOf(BigInt(xid), BigInt(epoch) * epochs + BigInt(next));
  if (found === BigInt(xid)) return;
  throw new OffsiteError('RECOVERY_FAILED', `there never was a transaction ${xid} in that log`, {
    expected: `a number of this cluster, as pg_current_xact_id() gives it: below ${BigInt(epoch) * epochs + BigInt(next)} here`,
    found: `transaction ${found}, whose lower 32 bits are the same, and are all that Postgres looks at`,
    hint: `${folder} is as it was at ${found}: start it if that is what you look for; else remove it, and name the point otherwise (--to-time, --to-lsn)`,
  });
}
