// One session with a Postgres server on a socket of our own: what restores a dump in parallel. Unlike a psql it can be
// asked for one thing after another, says which statement failed, and has no commands of its own that a dump could use.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';
import { OffsiteError } from '../base/errors.ts';
import { type Connection, describeConnection, ownDatabase } from './connection.ts';
import { ContainerStream } from './container-stream.ts';

export type ServerConnection = Extract<Connection, { via: 'server' }>;

/** Rows on their way into a table. */
export type RowSink = {
  /** Settles when the server has taken enough of it for more to be given. @throws The server's error. */
  write(bytes: Uint8Array): Promise<void>;
  /** Settles when the rows are in the table. @throws The server's error. */
  end(): Promise<void>;
};

export type Session = {
  /** Runs SQL, given in the encoding that the session is set to; rows that it gives are not kept. @throws The server's error. */
  run(sql: string | Buffer): Promise<void>;
  /** Runs SQL. @returns The rows of its last statement, as text. @throws The server's error. */
  rows(sql: string): Promise<(string | null)[][]>;
  /** Opens a COPY … FROM STDIN; nothing else may be asked of this session before its end. */
  copy(sql: string | Buffer): RowSink;
  /** Breaks off whatever is under way. */
  destroy(): void;
  close(): Promise<void>;
};

const connectWithinMs = 10_000;

/** What a server calls our sessions. */
export const restoringName = 'offsite restore';

/**
 * Opens a session.
 *
 * @param connection - With host, port, user and password spelled out; with TLS where PGSSLMODE is `require`, of a server
 *   that is not asked to prove who it is, as libpq does. Of a container, its user.
 * @throws {@link OffsiteError} `DATABASE_UNREACHABLE`, of a server that is gone, too.
 */
export async function openDatabase(connection: Connection, database: string): Promise<Session> {
  const client = new pg.Client({
    ...placeOf(connection),
    database,
    application_name: restoringName,
    connectionTimeoutMillis: connectWithinMs,
  });
  // A server that is gone is told to whoever waits for an answer; an idle session has nobody to tell.
  client.on('error', () => undefined);
  const told = (error: Error) => {
    throw 'severity' in error ? error : unreachable(error, describeConnection(connection, database));
  };
  await client.connect().catch(told);
  return {
    run: (sql) => new Promise((resolve, reject) => client.query(new Statement(sql, resolve, reject))),
    rows: async (sql) =>
      lastRows(await client.query({ text: sql, rowMode: 'array', types: asText }).catch(told)),
    copy: (sql) => client.query(new CopyStatement(sql)),
    destroy: () => (client as unknown as { connection: Wire }).connection.stream.destroy(),
    close: () => client.end(),
  };
}

/**
 * Asks a server one thing, in a session of its own.
 *
 * @returns Rows of text; NULL reads as the empty text. @throws The server's error, or the signal's reason.
 */
export function ask(connection: Connection, sql: string, options: Asking = {}): Promise<string[][]> {
  return inSession(connection, options.database, options.signal, (session) => askWithin(session, sql));
}

type Asking = { readonly database?: string | undefined; readonly signal?: AbortSignal | undefined };

/** As {@link ask}, in a session that is open: opening one takes longer than most answers. */
export async function askWithin(session: Session, sql: string): Promise<string[][]> {
  return (await session.rows(sql)).map((row) => row.map((field) => field ?? ''));
}

/** Opens a session for as long as something works in it. @throws What that throws, or the signal's reason. */
export async function inSession<T>(
  connection: Connection,
  database = ownDatabase(connection) ?? 'postgres',
  signal: AbortSignal | undefined,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openDatabase(connection, database);
  const breakOff = () => session.destroy();
  signal?.addEventListener('abort', breakOff, { once: true });
  try {
    return await work(session);
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', breakOff);
    await session.close().catch(() => undefined);
  }
}

function placeOf(connection: Connection): pg.ClientConfig {
  if (connection.via === 'container') {
    const { container, user = 'postgres', password = '' } = connection;
    // Nothing else of a socket is asked for.
    const stream = new ContainerStream(container) as unknown as Socket;
    return { user, password, ssl: false, stream: () => stream };
  }
  const { env } = connection;
  return {
    host: env.PGHOST ?? '127.0.0.1',
    port: Number(env.PGPORT ?? 5432),
    user: env.PGUSER ?? 'postgres',
    password: env.PGPASSWORD ?? '',
    ssl: env.PGSSLMODE === 'require' && { rejectUnauthorized: false },
  };
}

/** Whatever does not come from the server's own mouth is about the way to it. */
function unreachable(error: Error, where: string): OffsiteError {
  return new OffsiteError('DATABASE_UNREACHABLE', 'the server cannot be reached', {
    expected: `a session in ${where}`,
    found: error.message,
    hint: 'see whether it runs (docker ps, or systemctl status postgresql) and what its log says last; then run the same command again',
    cause: error,
  });
}

/** Text as the server writes it, whatever the type. */
const asText = { getTypeParser: () => (value: string | Buffer) => String(value) };

/** Several statements in one text give several results. */
function lastRows(result: unknown): (string | null)[][] {
  return ([result].flat().at(-1) as pg.QueryArrayResult<(string | null)[]> | undefined)?.rows ?? [];
}

/** Of the two messages that are made here. @see https://www.postgresql.org/docs/16/protocol-message-formats.html */
const [queryTag, copyDataTag] = [0x51, 0x64];

/** What pg's own types leave out of its connection. */
type Wire = {
  readonly stream: Socket;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
};

/** Simple query protocol, all answers dropped: a dump must not fill our memory with what it selects. */
abstract class Submitted implements pg.Submittable {
  protected wire: Wire | undefined;
  readonly #message: Buffer;

  constructor(sql: string | Buffer) {
    // By hand, for pg would take any bytes for UTF-8: tag, length, text, end.
    const bytes = Buffer.byteLength(sql);
    this.#message = Buffer.alloc(bytes + 6);
    this.#message.writeUInt8(queryTag);
    this.#message.writeUInt32BE(bytes + 5, 1);
    if (typeof sql === 'string') this.#message.write(sql, 5);
    else sql.copy(this.#message, 5);
  }

  submit(connection: pg.Connection): void {
    this.wire = connection as unknown as Wire;
    this.wire.stream.write(this.#message);
  }

  abstract handleError(error: Error): void;
  abstract handleReadyForQuery(): void;
  abstract handleCopyInResponse(): void;
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handleCopyData(): void {}
}

class Statement extends Submitted {
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;

  constructor(sql: string | Buffer, resolve: () => void, reject: (error: Error) => void) {
    super(sql);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  handleError(error: Error): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve();
  }

  handleCopyInResponse(): void {
    this.wire?.sendCopyFail('there are no rows for this statement');
  }
}

class CopyStatement extends Submitted implements RowSink {
  readonly #ready = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<void>();

  constructor(sql: string | Buffer) {
    super(sql);
    // Heard of by whoever writes or ends; nobody may be doing either when the server fails.
    this.#ready.promise.catch(() => undefined);
    this.#done.promise.catch(() => undefined);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#ready.promise;
    const socket = (this.wire as Wire).stream;
    const head = Buffer.alloc(5);
    head.writeUInt8(copyDataTag);
    head.writeUInt32BE(bytes.byteLength + 4, 1);
    socket.cork();
    socket.write(head);
    const hasRoom = socket.write(bytes);
    socket.uncork();
    // `done` fails as soon as the server does; it cannot succeed before the end.
    await (hasRoom ? undefined : Promise.race([once(socket, 'drain'), this.#done.promise]));
  }

  async end(): Promise<void> {
    await this.#ready.promise;
    this.wire?.endCopyFrom();
    await this.#done.promise;
  }

  handleCopyInResponse(): void {
    this.#ready.resolve();
  }

  handleError(error: Error): void {
    this.#ready.reject(error);
    this.#done.reject(error);
  }

  handleReadyForQuery(): void {
    this.#ready.reject(new Error('the server asked for no rows'));
    this.#done.resolve();
  }
}
