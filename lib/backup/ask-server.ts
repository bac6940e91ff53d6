// What the server is asked beside the dump: how long will that be, and what is the database's own, which a plain dump does not
// say? Nobody fails for the lack of an answer.

import { parseSourceDatabase, type SourceDatabase, sourceDatabaseSql } from '../archive/source-database.ts';
import { query } from '../postgres/programs.ts';
import type { DumpSettings } from '../settings/config.ts';
import { connectionFromSettings } from '../settings/settings.ts';

export type SizeEstimate = {
  /** What a plain dump will have, give or take a third. */
  readonly plainBytes: number;
  /** What an archive of it will have, at most by half more than it then is. */
  readonly compressedBytes: number;
};

/** A Docker or a server that does not answer must not hold up the dump, which has a limit of its own. */
const answerWithinMs = 60_000;

const emptyDatabaseBytes = 7_500_000;

/**
 * Plain bytes of a dump to bytes of the database, whose indexes are not dumped: 0.54 to 0.58 for the rehearsal's corpus
 * of 2,000 to 100,000 torrents, 0.43 to 0.74 as operators of BitAgent report.
 */
const plainShare = 0.55;

/** Archives of the corpus and those that operators report have a fifth; a third leaves room. */
const compressedShare = 1 / 3;

/**
 * Asks the server how large the database is.
 *
 * @param limitMs - How long the server may take.
 * @returns `undefined` where only a command is known, and where the server did not say.
 */
export async function estimateSize(
  settings: DumpSettings,
  signal?: AbortSignal,
  limitMs = answerWithinMs,
): Promise<SizeEstimate | undefined> {
  const databaseBytes = Number(
    await ask(settings, 'SELECT pg_database_size(current_database())', signal, limitMs),
  );
  if (!Number.isSafeInteger(databaseBytes)) return undefined;
  const plainBytes = Math.round(Math.max(0, databaseBytes - emptyDatabaseBytes) * plainShare);
  return { plainBytes, compressedBytes: Math.round(plainBytes * compressedShare) };
}

/**
 * Asks the server what the database is, besides its content.
 *
 * @returns `undefined` where {@link estimateSize} returns it.
 */
export async function readSourceDatabase(
  settings: DumpSettings,
  signal?: AbortSignal,
  limitMs = answerWithinMs,
): Promise<SourceDatabase | undefined> {
  // psql's encoding is else the server's, and names would be misread.
  const answer = await ask(settings, `SET client_encoding = 'UTF8'; ${sourceDatabaseSql}`, signal, limitMs);
  return answer === undefined ? undefined : parseSourceDatabase(answer);
}

async function ask(
  settings: DumpSettings,
  sql: string,
  signal: AbortSignal | undefined,
  limitMs: number,
): Promise<string | undefined> {
  if (settings.via === 'command') return undefined;
  const limit = AbortSignal.timeout(limitMs);
  try {
    const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
    // As pg_dump: a limit that the database sets for whoever enters it is for others.
    const unlimited = `SET statement_timeout = 0; SET lock_timeout = 0; ${sql}`;
    const [row] = await query(connectionFromSettings(settings), unlimited, { signal: either });
    return row?.[0];
  } catch {
    return undefined;
  }
}
