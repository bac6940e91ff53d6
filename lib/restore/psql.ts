// Gives a dump to psql. Whoever could write an archive must not run programs on the machine that restores it, so psql
// itself is told to take no command of its own (`\restrict`) before it sees the dump's first byte: where a string ends is
// for psql to say, and nobody who reads the dump beside it can be sure to agree. One too old for that fails at that line.

import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { OffsiteError } from '../base/errors.ts';
import { exhaustion } from '../base/started.ts';
import { type ClientFailure, clientError, errorLine } from '../postgres/client-error.ts';
import type { Connection } from '../postgres/connection.ts';
import { endSession } from '../postgres/end-session.ts';
import { clientCommand } from '../postgres/programs.ts';
import { adviceOn, connectionFailure, dumpByHand } from '../postgres/statement-error.ts';
import type { DumpParts } from './dump-parts.ts';
import { newerSettings, ownSettings } from './inside.ts';
import type { LeavesOut } from './plan.ts';
import { Restriction } from './restriction.ts';

export type PsqlOptions = {
  readonly connection: Connection;
  readonly database: string;
  readonly dump: DumpParts;
  /** Statements that this server cannot do, and the dump can do without. */
  readonly leavesOut: LeavesOut;
  /** Told of each statement about the dump's database as a whole, which is not run. */
  readonly onLeftOut: (statement: Buffer) => void;
  readonly binDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

const stderrTailChars = 16_384;
const feederGraceMs = 1000;
/** The first that know `\restrict`. @see https://www.postgresql.org/support/security/CVE-2025-8714/ */
const restrictingVersions = '13.22, 14.19, 15.14, 16.10, 17.6, 18.0';

/**
 * Feeds a dump to psql; whichever of the two fails first, the other is ended and waited for.
 *
 * @throws `OffsiteError` with psql's first error, `RESTORE_REFUSED` if the dump holds a command of psql's own,
 *   `PSQL_TOO_OLD` if psql could not be kept from running one, or what the dump's stream failed with. An aborted
 *   signal is for the caller to tell.
 */
export async function feedPsql(options: PsqlOptions): Promise<void> {
  const { connection, database, binDir, signal } = options;
  // By that it is found inside a container, where no signal reaches it.
  const applicationName = `psql offsite-${randomBytes(8).toString('hex')}`;
  // Given as a file, stdin's lines are counted in errors. Verbose: a server's code says more than its words.
  const args = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-f', '-'];
  const command = clientCommand(connection, 'psql', args, { database, binDir, applicationName });
  // Only now: most restores need no psql.
  const { execa } = await import('execa');
  const child = execa(command.program, command.args, {
    env: command.env,
    extendEnv: false,
    stdin: 'pipe',
    stdout: 'ignore',
    buffer: false,
    reject: false,
    forceKillAfterDelay: 3000,
    ...(signal && { cancelSignal: signal }),
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-stderrTailChars);
  });
  let fed = false;
  let sourceError: unknown;
  const source = noticingError(restricted(options), (error) => {
    sourceError = error;
  });
  const feeding = pipeline(
    Readable.from(source, { objectMode: false }),
    child.stdin,
    signal ? { signal } : {},
  )
    .then(() => {
      fed = true;
    })
    // psql has got less than everything: it must not end as if that were all. EPIPE: it is gone already.
    .catch(() => child.kill());
  const result = await child;
  // psql may be gone before its pipe tells. A psql that read less than everything leaves a feeder that never ends.
  if (!result.failed) await Promise.race([feeding, sleep(feederGraceMs, undefined, { ref: false })]);
  if (!fed) child.stdin.destroy();
  if (connection.via === 'container' && (result.failed || !fed))
    await endSession(connection, applicationName, database);
  if (signal?.aborted) return;
  if (sourceError !== undefined) throw sourceFailure(sourceError);
  if (result.failed || !fed)
    throw psqlError(connection, database, { ...result, startError: result.code, stderr });
}

/** The dump behind a restriction that nobody else can lift: its key is known to this psql alone. */
async function* restricted({ dump, leavesOut, onLeftOut }: PsqlOptions): AsyncGenerator<Uint8Array> {
  // On its line: the dump's are counted from the next one on.
  yield Buffer.from(`${ownSettings}; ${newerSettings}; \\restrict ${randomBytes(24).toString('hex')}\n`);
  const restriction = new Restriction(leavesOut);
  for await (const parts of dump) {
    for (const part of parts) {
      if (part.kind === 'left out') onLeftOut(part.text);
      yield restriction.bytesOf(part);
    }
  }
}

/** Tells the dump's own failures from those of psql's pipe, which a stream throws into its source. */
async function* noticingError(
  dump: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  const iterator = dump[Symbol.asyncIterator]();
  const next = () =>
    iterator.next().catch((error: unknown) => {
      onError(error);
      throw error;
    });
  try {
    for (let item = await next(); !item.done; item = await next()) yield item.value;
  } finally {
    await iterator.return?.();
  }
}

/** What the dump's own stream failed with. */
export function sourceFailure(error: unknown): OffsiteError {
  if (error instanceof OffsiteError) return error;
  return new OffsiteError('RESTORE_FAILED', 'the dump could not be read to its end', {
    expected: 'the whole dump',
    found: error instanceof Error ? error.message : String(error),
    hint: "run the same command again; if it stays, restore another archive ('offsite list' shows them)",
    cause: error,
  });
}

type PsqlFailure = ClientFailure & { readonly stderr: string };

function psqlError(connection: Connection, database: string, failure: PsqlFailure): OffsiteError {
  const { stderr } = failure;
  const exhausted = exhaustion('psql', failure.startError);
  if (exhausted !== undefined) return exhausted;
  if (
    ['ENOENT', 'EACCES'].includes(failure.startError ?? '') ||
    /executable file not found|OCI runtime exec/.test(stderr)
  )
    return clientError(connection, 'psql', failure, database);
  if (/:1: (?:\S+ )?invalid command \\restrict/.test(stderr)) return psqlTooOld(connection);
  if (/backslash commands are restricted|\\unrestrict: wrong key/.test(stderr))
    return psqlCommandFound(inDump(errorLine(stderr)));
  const ending = failure.signal
    ? `psql was ended by ${failure.signal}`
    : `psql ended with ${failure.exitCode}`;
  const words = serverWords(stderr);
  const hasGone =
    /server closed the connection|connection to server was lost/.test(stderr) ||
    (connection.via === 'container' && failure.exitCode === killed);
  const advice = adviceOn(words ?? { message: '', ...(hasGone && { code: connectionFailure }) });
  return new OffsiteError(advice?.code ?? 'RESTORE_FAILED', 'psql could not restore the dump', {
    expected: 'psql to read the whole dump without an error',
    found: foundIn(stderr, words) || `${ending}, before the end of the dump`,
    hint: advice?.hint ?? `look at that line: ${dumpByHand}`,
  });
}

/** A program inside of a container that was killed, as `docker exec` ends. */
const killed = 137;

/** What psql tells of the server's first refusal, with VERBOSITY=verbose; in whatever language, the code of a warning begins with 0. */
function serverWords(stderr: string) {
  const first = /^(psql:\S*?:\d+: \S+: +)((?!0[0-2])[0-9A-Z]{5}): (.*(?:\n(?!psql:).*)*)/m.exec(stderr);
  if (first === null) return undefined;
  const [, place = '', code = '', text = ''] = first;
  const part = (name: string) =>
    new RegExp(`^${name}: +(.*(?:\n(?![A-Z]+: ).*)*)`, 'm').exec(text)?.[1]?.trim();
  const message = text.split(/\n(?:LINE \d+|DETAIL|HINT|CONTEXT|LOCATION|QUERY):? /)[0] ?? '';
  return { place, code, message, detail: part('DETAIL'), where: part('CONTEXT') };
}

function foundIn(stderr: string, words: ReturnType<typeof serverWords>): string {
  if (words === undefined) return inDump(errorLine(stderr));
  const said = `${words.place}${words.message.slice(0, 300)}`;
  return inDump(words.detail === undefined ? said : `${said}; ${words.detail.slice(0, 300)}`);
}

/** psql's line numbers without the line that we put before the dump. */
function inDump(text: string): string {
  return text.replace(/^(psql:\S*?:)(\d+)/, (_, before: string, line: string) => before + (Number(line) - 1));
}

function psqlTooOld(connection: Connection): OffsiteError {
  const where = connection.via === 'container' ? ` in container ${connection.container}` : '';
  return new OffsiteError('PSQL_TOO_OLD', `the psql${where} cannot be kept from running programs`, {
    expected: `psql ${restrictingVersions} or newer: they know \\restrict, and so run no program that a dump names`,
    found: 'one that does not know \\restrict; it was given nothing of the dump',
    hint:
      connection.via === 'container'
        ? "pull the newest minor version of the container's image, or restore from outside with --url"
        : 'update it (Debian: apt-get update && apt-get install --only-upgrade postgresql-client)',
  });
}

function psqlCommandFound(found: string): OffsiteError {
  return new OffsiteError(
    'RESTORE_REFUSED',
    'the dump holds a command of psql’s own, and psql did not run it',
    {
      expected: 'SQL statements and COPY data',
      found,
      hint: 'pg_dump writes such commands with --create only; if that was not asked for, find out who wrote this archive before anybody gives it to a psql, and restore an older one meanwhile (offsite list)',
    },
  );
}
