// What a failed restore test says of its failure.

import { countedTable } from '../archive/verdict.ts';
import { OffsiteError } from '../base/errors.ts';
import { StatementError } from '../postgres/statement-error.ts';
import type { RestoreFailure } from './report.ts';

const tablesShown = 5;

/**
 * Describes whatever was thrown, with line and statement where a statement of the dump was refused.
 *
 * @param signal - Its reason counts, once it is aborted.
 */
export function describeFailure(thrown: unknown, signal?: AbortSignal): RestoreFailure {
  const error = signal?.aborted && signal.reason instanceof OffsiteError ? signal.reason : thrown;
  if (error instanceof OffsiteError) {
    const { code, message, expected, found, hint } = error;
    const where = error instanceof StatementError ? { line: error.line, statement: error.statement } : {};
    return { code, message, expected, found, hint, ...where };
  }
  return {
    code: 'UNEXPECTED',
    message: 'the restore test itself failed',
    expected: 'no error but those that are known',
    found: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    hint: "read the log of the test; 'offsite restore-test' runs the same here. If it is a fault of bitagent-offsite, report it",
  };
}

/** The dump is another database's. @param tables - That it has. */
export function nothingToCount(tables: readonly string[]): OffsiteError {
  const others = tables.length > tablesShown ? `, and ${tables.length - tablesShown} more` : '';
  return new OffsiteError('RESTORE_FAILED', `the dump has no table ${countedTable}`, {
    expected: `the table public.${countedTable}, as every BitAgent database has it`,
    found: tables.length === 0 ? 'no table at all' : `${tables.slice(0, tablesShown).join(', ')}${others}`,
    hint: "look at what is dumped: 'offsite config' on the host shows which database that is, and it may be the wrong one",
  });
}

/** Everything that the inventory knows came back, but the dump does not end where a dump ends. */
export function markerMissing(): OffsiteError {
  return new OffsiteError(
    'DUMP_INCOMPLETE',
    'the dump does not end with its end marker, though all that is known of it came back',
    {
      expected: "'-- PostgreSQL database dump complete' after the last statement",
      found: 'no such line, or further statements after it',
      hint: 'what the end held is not known: back up again now (offsite backup), and look at what runs pg_dump',
    },
  );
}

/** The dump ends between BEGIN and COMMIT: what it did there is undone. */
export function transactionOpen(): OffsiteError {
  return new OffsiteError('DUMP_INCOMPLETE', 'the dump ends inside of a transaction, in a large object', {
    expected: 'COMMIT after every BEGIN',
    found: 'the end of the dump',
    hint: 'take another archive (offsite list), and look at what runs pg_dump: a dump was cut and taken for whole',
  });
}
