// What a failed restore test means for the archive. Most failures are about it; but where the test's own surroundings gave
// out, it is neither proven nor disproven, and whoever reads must not be sent to look for damage.

import { parseArchiveId } from '../archive/names.ts';
import type { ErrorCode } from '../base/errors.ts';
import { formatCount } from '../base/quantities.ts';
import type { RestoreFailure, RestoreReport } from './report.ts';

export type FailedReport = Extract<RestoreReport, { outcome: 'failed' }>;

/** What can go wrong without the archive. */
const surroundings: readonly string[] = [
  'RESTORE_DISK_FULL',
  'RESTORE_OUT_OF_MEMORY',
  'RESTORE_OUT_OF_TIME',
  'RESTORE_TEST_TOO_LARGE',
  'RESTORE_TEST_NOT_STARTED',
  'SERVER_TOO_OLD',
  'SERVER_FAILED',
  'PROGRAM_MISSING',
  'CONTAINER_UNREACHABLE',
  'DATABASE_UNREACHABLE',
  'INTERRUPTED',
  'STORE_UNREACHABLE',
  'STORE_FAILED',
  'CREDENTIALS_REFUSED',
  'CREDENTIALS_MISSING',
  'CHECKS_INVALID',
  'EXTENSION_MISSING',
  'LOCALE_MISSING',
  'SUPERUSER_NEEDED',
  'NOTHING_INTACT',
] satisfies ErrorCode[];

/** Whether the test broke off for a reason that is not the archive's. */
export function brokeOff({ failure }: Pick<FailedReport, 'failure'>): boolean {
  return surroundings.includes(failure.code) || failure.code === 'UNEXPECTED';
}

/** What was expected and found, and where in the dump, as pairs of a word and its value. */
export function particularsOfFailure(failure: RestoreFailure): [string, string][] {
  const { expected, found, code, line, statement } = failure;
  const pairs: [string, string | undefined][] = [
    ['expected', expected],
    ['found', found],
    ['line', line === undefined ? undefined : `${formatCount(line)} of the plain dump`],
    ['statement', statement],
    ['code', code],
  ];
  return pairs.flatMap(([word, text]) => (text === undefined ? [] : [[word, text.trim()]]));
}

/** The failure in a few words, for where the archive's id stands anyway. */
export function shortMessage({ message }: RestoreFailure, id: string): string {
  return message.replace(` ${id}`, '');
}

/** With a capital letter and a full stop; a name that begins it (an id, a program) keeps its case. */
export function sentence(text: string): string {
  if (!/^[a-z]+[ ,:]/.test(text)) return `${text}.`;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** What to think of the archive now, and what to type. */
export function adviceOn(report: FailedReport): {
  readonly what: string;
  readonly commands: [string, string][];
} {
  const { id } = report;
  const { source } = parseArchiveId(id);
  return brokeOff(report)
    ? {
        what: 'The archive may be as good as before: mend what is named here, and test it again.',
        commands: [
          [`offsite restore-test ${id}`, 'tests it on a machine of yours'],
          [`offsite list --source ${source}`, 'shows its verdict, and the others'],
        ],
      }
    : {
        what: 'Do not rely on this archive until a test of it has passed.',
        commands: [
          [`offsite verify ${id}`, 'reads its bytes again'],
          [`offsite list --source ${source}`, 'shows the others'],
          ['offsite backup', 'on the host takes a new one'],
        ],
      };
}
