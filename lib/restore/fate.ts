// What became of the databases of a restore that failed: the one that was there, and the half-restored one. The server is asked where it
// answers: it alone knows.

import { OffsiteError, sayWhatIsSafe } from '../base/errors.ts';
import { type Connection, psqlLine } from '../postgres/connection.ts';
import { quoteIdentifier } from '../postgres/programs.ts';
import { serverWords } from './create-database.ts';
import { exists } from './leftovers.ts';
import type { Run } from './server.ts';

export type Attempt = {
  /** The one that was to be back, and whether it was there. */
  readonly database: string;
  readonly wasThere: boolean;
  /** What the restored one is called until it is whole. */
  readonly making: string;
  readonly how: 'swap' | 'beside' | 'replace';
  /** Whether it was dropped, to make room. */
  hasDropped: boolean;
};

/** @returns One sentence for whoever has to know at once whether anything is lost. */
export async function fateOf(run: Run, attempt: Attempt, error: unknown): Promise<string> {
  const isTaken = error instanceof OffsiteError && error.code === 'DATABASE_EXISTS';
  const isLeft = isTaken || exists(run, attempt.making).catch(() => undefined);
  return wordsOf(attempt, await isLeft, isTaken);
}

/** By then somebody who interrupts a restore has waited long enough for a server that does not answer. */
const answersWithinMs = 3500;

/** Says what can be said without the server, where it does not answer whoever was interrupted. @returns Ends that. */
export function sayInTime(signal: AbortSignal | undefined, attempt: Attempt): () => void {
  const say = () => sayWhatIsSafe(signal?.reason, wordsOf(attempt, undefined));
  const begin = () => setTimeout(say, answersWithinMs).unref();
  signal?.addEventListener('abort', begin, { once: true });
  return () => signal?.removeEventListener('abort', begin);
}

/**
 * @param isLeft - Whether the new one is there; `undefined` if nobody knows.
 * @param isTaken - Of two restores at one time, whoever comes second must not speak of the first one's.
 */
function wordsOf(attempt: Attempt, isLeft: boolean | undefined, isTaken = false): string {
  const { database, making, hasDropped } = attempt;
  const ofNew = isTaken
    ? `the ${making} that is there is another's, and as it was`
    : fateOfNew(attempt, isLeft);
  const ofOld = isTaken && making === database && !hasDropped ? [] : [fateOfOld(attempt)];
  return [...ofOld, ofNew, 'the archive is as it was'].join('; ');
}

function fateOfOld({ database, wasThere, how, hasDropped }: Attempt): string {
  if (hasDropped) return `${database} is gone: it was dropped for the restored one, as --replace says`;
  if (how === 'beside') return 'no database that was there was touched';
  return wasThere ? `${database} is as it was` : `there was no ${database}, and there is none`;
}

function fateOfNew({ database, wasThere, making, hasDropped }: Attempt, isLeft: boolean | undefined): string {
  if (making === database && wasThere && !hasDropped) return 'nothing was restored';
  if (isLeft === false) return 'nothing half restored is left';
  return `${making}, half restored, ${isLeft ? 'is' : 'may be'} left, and the next restore takes it away`;
}

/** Somebody made or dropped the database that was to be replaced. */
export function changedMeanwhile(
  connection: Connection,
  database: string,
  temporary: string,
  isThere: boolean,
): OffsiteError {
  const error = new OffsiteError(
    'DATABASE_EXISTS',
    `${database} ${isThere ? 'was made' : 'was dropped'} while the restore ran`,
    {
      expected: 'nobody else to make or drop it meanwhile',
      found: isThere ? `a database ${database}` : `no database ${database}`,
      hint: renaming(connection, database, temporary),
    },
  );
  return sayWhatIsSafe(error, kept(temporary));
}

/** The server did not let the two change places. */
export function swapError(
  error: OffsiteError,
  connection: Connection,
  database: string,
  temporary: string,
  before: string,
): OffsiteError {
  const inUse = /being accessed by other users/.test(error.found);
  const refusal = new OffsiteError(
    inUse ? 'DATABASE_IN_USE' : 'DATABASE_EXISTS',
    `${database} could not be given its new place`,
    {
      expected: `${database} to become ${before}, and ${temporary} to become ${database}`,
      found: serverWords(error),
      hint: renaming(connection, database, temporary),
      cause: error,
    },
  );
  return sayWhatIsSafe(refusal, kept(temporary));
}

function kept(temporary: string): string {
  return `nothing was overwritten; what was restored is whole, and kept as ${temporary}`;
}

function renaming(connection: Connection, database: string, temporary: string): string {
  const sql = `ALTER DATABASE ${quoteIdentifier(temporary)} RENAME TO ${quoteIdentifier(database)}`;
  return `look at both, then rename by hand: ${psqlLine(connection, 'postgres', sql)}`;
}
