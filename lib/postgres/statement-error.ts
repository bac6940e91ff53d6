// The first statement of a dump that a server refused: where it stands in the dump, and what the operator can do about
// it, told by the server's own code and words.

import { type ErrorCode, OffsiteError } from '../base/errors.ts';

const shownChars = 300;

/** What a server says of a statement that it refuses; all but the message may be unknown. */
export type ServerWords = {
  /** SQLSTATE. @see https://www.postgresql.org/docs/16/errcodes-appendix.html */
  readonly code?: string | undefined;
  readonly message: string;
  readonly severity?: string | undefined;
  readonly detail?: string | undefined;
  /** What the server was doing: the functions that it was in. */
  readonly where?: string | undefined;
};

/** How a person reads a dump whose name is not known here: whoever knows it says it instead. */
export const dumpByHand = 'offsite fetch ID --any -o - | gunzip';

/** What it is not the dump's fault for. */
const messages: ReadonlyMap<ErrorCode, string> = new Map([
  ['RESTORE_DISK_FULL', 'the disk of the server is full'],
  ['RESTORE_OUT_OF_MEMORY', 'the server ran out of memory'],
  ['DATABASE_UNREACHABLE', 'the server went away while it took the dump'],
]);

/** An {@link OffsiteError} about one statement of a dump. */
export class StatementError extends OffsiteError {
  /** Of the plain dump, from 1; of the row, where it is one. */
  readonly line: number;
  /** The statement's beginning. */
  readonly statement: string;

  constructor(
    code: ErrorCode,
    parts: { line: number; statement: string; found: string; hint: string; cause?: unknown },
  ) {
    const { line, found, hint, cause } = parts;
    super(code, messages.get(code) ?? 'the server did not take the dump', {
      expected: 'every statement of the dump to be accepted',
      found: `line ${line}: ${found}`,
      hint,
      cause,
    });
    this.line = line;
    this.statement = parts.statement.replaceAll(/\s+/g, ' ').trim().slice(0, shownChars);
  }
}

/**
 * What a server's refusal of a dump's statement means.
 *
 * @param error - As the driver throws it: the server's own, or that of a connection that broke.
 * @param sql - The statement; only its beginning is shown.
 * @returns A {@link StatementError}: `RESTORE_DISK_FULL` or `RESTORE_OUT_OF_MEMORY` where it is that, `SERVER_TOO_OLD`
 *   where the statement is unknown to this version, `DATABASE_UNREACHABLE` where the server ended over it, else `RESTORE_FAILED`.
 */
export function statementError(error: unknown, line: number, sql: Buffer): StatementError {
  const words = wordsOf(error as ServerWords);
  const { message, severity, detail } = words;
  const told = severity === undefined ? message : `${severity}: ${message}`;
  const found = [told, detail].filter(Boolean).join('; ').slice(0, 600);
  const known = adviceOn(words);
  const hint =
    known?.hint ?? `look at that line (${dumpByHand} | sed -n ${line}p), and try the archive before it`;
  const statement = sql.toString('utf8', 0, 1000);
  return new StatementError(known?.code ?? 'RESTORE_FAILED', { line, statement, found, hint, cause: error });
}

/** What does not come from the server's own mouth is the end of its connection. */
function wordsOf(error: Error | ServerWords): ServerWords {
  return 'severity' in error ? (error as ServerWords) : { message: error.message, code: connectionFailure };
}

/** What the field knows of a refusal. @returns `undefined` where that is nothing. */
export function adviceOn(words: ServerWords): { code: ErrorCode; hint: string } | undefined {
  const { code = '', message, detail = '', where = '' } = words;
  for (const { is, codes, says, inside, hint } of advice) {
    const said = says?.exec(`${message}\n${detail}`);
    const context = inside?.exec(where);
    const fits = codes === undefined || codes.some((one) => code.startsWith(one));
    if (!fits || said === null || context === null) continue;
    const name = [...(context ?? []).slice(1), ...(said ?? []).slice(1)].find(Boolean) ?? '';
    return { code: is ?? 'RESTORE_FAILED', hint: hint.replaceAll('NAME', name) };
  }
  return undefined;
}

type Advice = {
  /** `RESTORE_FAILED` where it is not given. */
  readonly is?: ErrorCode;
  /** Whole, or of a class: the first two characters. */
  readonly codes?: readonly string[];
  /** Of message or detail; what its first group holds is `NAME` in the hint. */
  readonly says?: RegExp;
  /** Of the functions that the server was in; likewise. */
  readonly inside?: RegExp;
  readonly hint: string;
};

const unknownNames = ['3F000', '42P01', '42703', '42704', '42883'];

/** As the server's own words for it have it. */
export const connectionFailure = '08006';

const again = 'run the same command again';
const fullDisk = `the restored database did not fit on the disk of the server: make room there (df -h; docker system df), and ${again}`;

/** The first that fits holds. */
const advice: readonly Advice[] = [
  {
    is: 'DATABASE_UNREACHABLE',
    codes: ['08', '57P0'],
    hint: `see whether it runs, and what its log says last (docker logs, or /var/log/postgresql), then ${again}; if it ends at that line again, that statement is what ends it`,
  },
  {
    is: 'RESTORE_DISK_FULL',
    codes: ['53100'],
    hint: fullDisk,
  },
  {
    is: 'RESTORE_DISK_FULL',
    says: /No space left on device|could not extend file/,
    hint: fullDisk,
  },
  {
    codes: ['53200'],
    says: /out of shared memory/,
    hint: 'the server has too few locks for so many objects: ALTER SYSTEM SET max_locks_per_transaction = 1024 there, and restart it',
  },
  {
    is: 'RESTORE_OUT_OF_MEMORY',
    codes: ['53200'],
    hint: `the server ran out of memory: see who has it (free -m, docker stats), and ${again}`,
  },
  {
    is: 'SERVER_TOO_OLD',
    says: /unrecognized (?:\w+ )?parameter|(?:function|type|operator) pg_catalog\..* does not exist/,
    hint: 'the dump counts on what this server does not know: restore to the major version of pg_dump or newer (in the cloud: npx cdk deploy -c postgresMajor=…)',
  },
  {
    says: /tablespace "([^"]+)" does not exist/i,
    hint: "the server has no tablespace NAME: make it there (CREATE TABLESPACE NAME LOCATION '…'), or dump with pg_dump --no-tablespaces",
  },
  {
    says: /collation "([^"]+)" .*does not exist|could not create locale "([^"]+)"|could not open collator for locale "([^"]+)"/,
    hint: 'the server’s system lacks the locale of collation NAME: install it there (Debian: apt-get install locales-all), or restore to a server of the same system as the live one',
  },
  {
    says: /extension "([^"]+)" is not available|could not open extension control file "(?:[^"]*\/)?([^"/]+)\.control"|could not access file "([^"]+)"/,
    hint: 'the server that restores lacks an extension which the database has: install its package there (NAME; apt-cache search NAME finds it)',
  },
  {
    codes: ['42704'],
    says: /language "([^"]+)" does not exist/,
    hint: 'the server that restores lacks the language NAME: install its package there (Debian: apt-cache search postgresql NAME)',
  },
  {
    codes: ['42704'],
    says: /role "([^"]+)" does not exist/,
    hint: 'create the role NAME first, or let the restore create it (offsite restore --create-roles)',
  },
  {
    codes: unknownNames,
    inside: /SQL function "([^"]+)"|PL\/pgSQL function ("?[^"(\s]+"?)/,
    hint: 'the function NAME counts on a search_path, and a dump sets none: in the live database ALTER FUNCTION NAME SET search_path = public (or where its names are), and dump again',
  },
  {
    codes: ['42501'],
    says: /must be (?:a )?member of role "([^"]+)"|must be able to SET ROLE "([^"]+)"/,
    hint: 'what the dump makes belongs to the role NAME, which the role that restores may not act for: a superuser lets it (GRANT NAME TO that role), or restore as NAME or as a superuser (OFFSITE_DATABASE_URL, or PGUSER)',
  },
  {
    codes: ['42501'],
    hint: `the dump is restored as an ordinary role: what needs a superuser it may not do; look at that line (${dumpByHand}), or restore as one (--url, or --user of a container)`,
  },
  {
    codes: ['23514'],
    says: /((?:check|partition) constraint(?: "[^"]+")?)/,
    hint: 'rows do not fulfil a NAME: one that looks at other rows or tables (by a function) counts on what a dump does not promise, one that compares text counts on the locale of the database; else the live database holds what it should not. Look for such rows there; an older archive may be whole (offsite list)',
  },
  {
    says: /empty range bound specified/,
    hint: 'bounds of text are in order by the locale of their database, and this one has another: a dump says it with pg_dump --create alone, an archive of offsite backup by its manifest (offsite restore ID, on a server that has the locale)',
  },
  {
    codes: ['23'],
    hint: 'the dumped rows contradict a key or constraint of their own: the live database holds what it should not, as it does where an index is damaged. Look for it there (pg_amcheck --heapallindexed, REINDEX), and at the disk of the host; or a table that they refer to was dumped without its rows (--exclude-table-data); an older archive may be whole (offsite list)',
  },
  {
    codes: ['22', '42601'],
    hint: 'that is not what pg_dump writes: bytes were changed before they were archived, or a page of the live database is damaged. Dump again (offsite backup); if it is the same, look at the host’s memory and disk, and what stands between pg_dump and the agent',
  },
  {
    codes: unknownNames,
    hint: 'an earlier part of the dump, which makes what is named there, is missing: dump again (offsite backup), whole (no --table, --schema, --exclude or --data-only)',
  },
];

/**
 * Tells whether a throw-away server ran out of something, by its own last words: a client only sees its connection end.
 *
 * @param log - The last of what the server said.
 * @returns The error that says so, else the one that was given.
 */
export function serverLogError(error: unknown, log: string): unknown {
  const line = log.split('\n').findLast((text) => ranOut.some(({ words }) => words.test(text)));
  const known = ranOut.find(({ words }) => line !== undefined && words.test(line));
  if (line === undefined || known === undefined) return error;
  const { code, message, hint } = known;
  return new OffsiteError(code, message, {
    expected: 'enough for the restored database',
    found: line.trim(),
    hint,
    cause: error,
  });
}

const ranOut: readonly { code: ErrorCode; words: RegExp; message: string; hint: string }[] = [
  {
    code: 'RESTORE_DISK_FULL',
    words: /No space left on device/,
    message: 'the disk of the throw-away server is full',
    hint: 'the restored database did not fit: give the test more disk (df -h where it runs)',
  },
  {
    code: 'RESTORE_OUT_OF_MEMORY',
    words: /was terminated by signal 9|^.{0,80}(ERROR|FATAL): {2}out of memory/,
    message: 'the throw-away server ran out of memory',
    hint: 'signal 9 is what Linux ends a process with when memory is gone: give the test more memory (free -m where it runs)',
  },
];
