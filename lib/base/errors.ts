// Every failure that an operator can meet is an OffsiteError: a code to search for, what was expected, what was
// found, and what to do. The exit code follows from the code's family, so scripts can tell "the dump failed" from
// "the store refused".

import { printable, printableLines } from './printable.ts';

/** Exit codes of the CLI; documented in README.md. */
export const exitCodes = {
  unexpected: 1,
  usage: 2,
  dump: 3,
  store: 4,
  notIntact: 5,
  notFound: 6,
  restore: 7,
  app: 8,
} as const;

type Family = keyof typeof exitCodes;

/** The family of each code, which its exit code follows from. */
export const errorFamilies = {
  USAGE: 'usage',
  CONFIG_INVALID: 'usage',
  CONFIG_UNREADABLE: 'usage',
  ARCHIVE_ID_INVALID: 'usage',
  FILE_EXISTS: 'usage',
  FILE_UNREADABLE: 'usage',
  PARTIAL_FOREIGN: 'usage',
  PARTIAL_IN_USE: 'usage',
  DISK_FULL: 'unexpected',
  HOST_EXHAUSTED: 'unexpected',
  CHECKS_INVALID: 'usage',
  PROGRAM_MISSING: 'dump',
  DATABASE_UNREACHABLE: 'dump',
  DATABASE_REFUSED: 'dump',
  PG_DUMP_TOO_OLD: 'dump',
  CONTAINER_UNREACHABLE: 'dump',
  DUMP_FAILED: 'dump',
  DUMP_EMPTY: 'dump',
  DUMP_INCOMPLETE: 'dump',
  DUMP_NOT_PLAIN: 'dump',
  DUMP_STALLED: 'dump',
  SIDECAR_UNREADABLE: 'dump',
  SIDECAR_DAMAGED: 'dump',
  BASE_BACKUP_FAILED: 'dump',
  BASE_BACKUP_REFUSED: 'dump',
  WAL_INVALID: 'dump',
  WAL_FOREIGN: 'dump',
  WAL_UNREADABLE: 'dump',
  WAL_SLOT_LOST: 'dump',
  BUCKET_MISSING: 'store',
  CREDENTIALS_REFUSED: 'store',
  CREDENTIALS_MISSING: 'store',
  STORE_UNREACHABLE: 'store',
  STORE_FAILED: 'store',
  ARCHIVE_EXISTS: 'store',
  ARCHIVE_TOO_LARGE: 'store',
  REGION_WRONG: 'store',
  REGION_MISSING: 'store',
  ARCHIVE_CHANGED: 'notIntact',
  ARCHIVE_DAMAGED: 'notIntact',
  FILE_NOT_INTACT: 'notIntact',
  FILE_CHANGED: 'notIntact',
  ARCHIVE_NOT_INTACT: 'notIntact',
  NOT_SUSPICIOUS: 'notIntact',
  WAL_CONFLICT: 'notIntact',
  WAL_MISSING: 'notFound',
  BASE_BACKUP_MISSING: 'notFound',
  POINT_OUTSIDE_WINDOW: 'notFound',
  NOTHING_INTACT: 'notFound',
  ARCHIVE_MISSING: 'notFound',
  ARCHIVE_GONE: 'notFound',
  ARCHIVE_NOT_EXPIRED: 'usage',
  MANIFEST_MISSING: 'notFound',
  REPORT_MISSING: 'notFound',
  NOBODY_HEARS: 'notFound',
  ALERT_TEST_FAILED: 'store',
  MANIFEST_INVALID: 'notIntact',
  MANIFEST_TOO_NEW: 'notIntact',
  SOURCES_FAILED: 'unexpected',
  EVENT_FOREIGN: 'usage',
  EVENT_INVALID: 'usage',
  DATABASE_EXISTS: 'restore',
  DATABASE_IN_USE: 'restore',
  ROLE_MISSING: 'restore',
  PSQL_TOO_OLD: 'restore',
  RESTORE_FAILED: 'restore',
  RESTORE_REFUSED: 'restore',
  RESTORE_DISK_FULL: 'restore',
  RESTORE_OUT_OF_MEMORY: 'restore',
  RESTORE_OUT_OF_TIME: 'restore',
  RESTORE_CHECK_FAILED: 'restore',
  EXTENSION_MISSING: 'restore',
  LOCALE_MISSING: 'restore',
  SUPERUSER_NEEDED: 'restore',
  SERVER_TOO_OLD: 'restore',
  RESTORE_TEST_TOO_LARGE: 'restore',
  RESTORE_TEST_NOT_STARTED: 'restore',
  FARGATE_QUOTA_REACHED: 'restore',
  SERVER_FAILED: 'restore',
  RECOVERY_FAILED: 'restore',
  FOLDER_NOT_EMPTY: 'restore',
  SIDECAR_IN_USE: 'restore',
  COMPOSE_INVALID: 'usage',
  APP_NOT_STARTED: 'app',
  APP_UNHEALTHY: 'app',
  INTERRUPTED: 'unexpected',
  OUTPUT_LOST: 'unexpected',
  INSTALL_FAILED: 'unexpected',
  MAIL_REFUSED: 'unexpected',
  GUARD_RUNS: 'unexpected',
  GUARD_DEPENDENT: 'usage',
  CLOCKS_DIFFER: 'store',
} as const satisfies Record<string, Family>;

export type ErrorCode = keyof typeof errorFamilies;

type ErrorParts = {
  /** What had to be true. */
  readonly expected: string;
  /** What was there instead. Must not hold secrets. */
  readonly found: string;
  /** What the reader can do about it. */
  readonly hint: string;
  readonly cause?: unknown;
  /** Overrides the family's exit code (signals). */
  readonly exitCode?: number;
};

/**
 * An error that tells an operator what to do.
 *
 * @remarks `message` is one sentence; `expected`, `found` and `hint` complete it. None of them may hold a secret.
 */
export class OffsiteError extends Error {
  readonly code: ErrorCode;
  readonly expected: string;
  readonly found: string;
  readonly hint: string;
  readonly exitCode: number;
  /** What is as it was in spite of it, where somebody has said so. */
  safe: string | undefined;

  constructor(code: ErrorCode, message: string, parts: ErrorParts) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'OffsiteError';
    this.code = code;
    this.expected = parts.expected;
    this.found = parts.found;
    this.hint = parts.hint;
    this.exitCode = parts.exitCode ?? exitCodes[errorFamilies[code]];
  }
}

/** Says with an error what is as it was in spite of it. Whoever is nearest to the fault knows best, and says it first. */
export function sayWhatIsSafe<E>(error: E, safe: string | undefined): E {
  if (error instanceof OffsiteError) error.safe ??= safe;
  return error;
}

/**
 * Renders any thrown value for stderr.
 *
 * @returns Lines without a trailing newline: the message with its code, then expected, found, what is safe and hint where known.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof OffsiteError)) {
    return `offsite: ${printableLines(error instanceof Error ? error.message : String(error))}`;
  }
  return [
    `offsite: ${printable(error.message)} [${error.code}]`,
    `  expected  ${indent(error.expected)}`,
    `  found     ${indent(error.found)}`,
    ...(error.safe === undefined ? [] : [`  safe      ${indent(error.safe)}`]),
    `  hint      ${indent(error.hint)}`,
  ].join('\n');
}

/** For `catch`: nothing, of an error whose code is one of these. @throws Any other. */
export function nothingIf(codes: RegExp): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof OffsiteError) || !codes.test(error.code)) throw error;
  };
}

/** The exit code for any thrown value. */
export function exitCodeOf(error: unknown): number {
  return error instanceof OffsiteError ? error.exitCode : exitCodes.unexpected;
}

function indent(text: string): string {
  return printableLines(text.trimEnd()).replaceAll('\n', '\n            ');
}
