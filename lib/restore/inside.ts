// Sessions of our own: to ask, and to fill a database. The latter are opened once and used again by what comes after: through
// docker exec, opening one takes longer than all that a small dump has to do.

import { OffsiteError } from '../base/errors.ts';
import type { Connection } from '../postgres/connection.ts';
import { refusalHint } from '../postgres/hints.ts';
import { askWithin, inSession, openDatabase, type Session } from '../postgres/session.ts';

/** What a role or a database has set for whoever enters holds for us, too. */
export const ownSettings =
  'SET default_transaction_read_only = off; SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0';

/** psql's encoding is else the server's, inside a container. */
export const askingSettings = `SET client_encoding = 'UTF8'; ${ownSettings}`;

/** Of newer servers alone. It gives rows; in one line, as psql counts the dump's from the next one on. */
export const newerSettings =
  "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.unnest('{idle_session_timeout,transaction_timeout}'::text[]) AS name WHERE pg_catalog.current_setting(name, true) IS NOT NULL";

/** @throws {@link OffsiteError} `DATABASE_UNREACHABLE`, `DATABASE_REFUSED`. */
export async function openToAsk(connection: Connection, database: string): Promise<Session> {
  const session = await openDatabase(connection, database).catch(told);
  await session.run(`${askingSettings}; ${newerSettings}`).catch(told);
  return session;
}

/** @returns Rows of text; NULL reads as the empty text. @throws As {@link openToAsk}. */
export function askIn(session: Session, sql: string): Promise<string[][]> {
  return askWithin(session, sql).catch(told);
}

/** Asks in a session that comes and goes. @returns As {@link askIn}. @throws As {@link openToAsk}, or the signal's reason. */
export function askOnce(
  connection: Connection,
  database: string,
  sql: string,
  signal?: AbortSignal,
): Promise<string[][]> {
  return inSession(connection, database, signal, async (session) => {
    // By itself: in one text with what is asked, it would come too late for the transaction of both.
    await session.run(askingSettings);
    return askWithin(session, sql);
  }).catch(told);
}

/** Sessions in the database that is filled. */
export class Inside {
  readonly #connection: Connection;
  readonly #database: string;
  readonly #signal: AbortSignal | undefined;
  #sessions: Session[] = [];
  readonly #breakOff = () => this.destroy();

  /** @param signal - Breaks all of them off. */
  constructor(connection: Connection, database: string, signal?: AbortSignal) {
    this.#connection = connection;
    this.#database = database;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#breakOff, { once: true });
  }

  /**
   * Takes sessions that nobody else is at.
   *
   * @returns So many, or fewer where the server lets no more in, as new: nothing is left in them of what was done there
   *   before, and nothing of their role's limits.
   * @throws As {@link openToAsk}, or the signal's reason.
   */
  async take(count: number): Promise<readonly Session[]> {
    const used = this.#sessions.slice(0, count);
    await Promise.all(used.map((session) => session.run('DISCARD ALL').catch(told)));
    const opening = Array.from({ length: Math.max(0, count - used.length) }, () =>
      openDatabase(this.#connection, this.#database),
    );
    const opened = await Promise.allSettled(opening);
    for (const one of opened) if (one.status === 'fulfilled') this.#sessions.push(one.value);
    if (this.#signal?.aborted) this.destroy();
    this.#signal?.throwIfAborted();
    const taken = this.#sessions.slice(0, count);
    for (const one of opened)
      if (one.status === 'rejected' && (taken.length === 0 || !isFull(one.reason))) told(one.reason);
    await Promise.all(taken.map((session) => session.run(`${ownSettings}; ${newerSettings}`).catch(told)));
    return taken;
  }

  destroy(): void {
    for (const session of this.#sessions) session.destroy();
  }

  /** When it settles, nobody of ours is in the database. */
  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#breakOff);
    const sessions = this.#sessions;
    this.#sessions = [];
    await Promise.all(sessions.map((session) => session.close().catch(() => undefined)));
  }
}

/** Others have its last connections, or this role may have no more. */
function isFull(error: Error): boolean {
  return (error as Error & { code?: string }).code === '53300';
}

function told(error: Error): never {
  if (error instanceof OffsiteError) throw error;
  const { detail } = error as Error & { detail?: string };
  throw new OffsiteError('DATABASE_REFUSED', 'the database server refused what it was asked', {
    expected: 'to be served',
    found: `ERROR: ${error.message}${detail === undefined ? '' : `; ${detail}`}`,
    hint: refusalHint(error.message),
    cause: error,
  });
}
