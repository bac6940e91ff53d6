// Restores a plain dump by several sessions while it streams by: what stands before the data in one session, rows in
// several in turn, then indexes and keys several at a time. What is not known in every word is run in its place, after
// everything before it and before everything after it, as psql would.

import { explainStatement } from '../postgres/errors.ts';
import { type Located, runLocated, textOf } from '../postgres/located-statement.ts';
import { openSession, type ServerConnection, type Session } from '../postgres/session.ts';
import { transactionOpen } from '../report/failure.ts';
import { type DumpPart, DumpSplitter } from '../sql/splitter.ts';
import { TokenCursor } from '../sql/token-cursor.ts';
import { Builder } from './indexes.ts';
import { type Plan, planStatement, tableKey } from './plan.ts';
import { RowLoader } from './rows.ts';

export type ParallelRestoreOptions = {
  /** As the role that restores; it needs no right but those of the dump's owners. */
  readonly connection: ServerConnection;
  readonly database: string;
  readonly dump: AsyncIterable<Uint8Array>;
  /** That load, and then make indexes, at the same time. */
  readonly sessions: number;
  /** Statements to leave out. */
  readonly skips?: ((tokens: readonly string[]) => boolean) | undefined;
  /** Called once all rows are loaded. */
  readonly onLoaded?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type ParallelRestored = {
  /** Whether the dump ended with pg_dump's end marker. */
  readonly ended: boolean;
};

type Statement = Extract<DumpPart, { kind: 'statement' }>;

/** How much longer than a btree's an index of the method takes. */
const methodWeights: Readonly<Record<string, number>> = { gin: 6, gist: 6, spgist: 4, trigger: 0 };

const transactionBegins = new Set(['BEGIN', 'START']);
const transactionEnds = new Set(['COMMIT', 'END', 'ROLLBACK', 'ABORT']);

/**
 * Restores a dump into an empty database.
 *
 * @throws `OffsiteError` `RESTORE_FAILED` with the first statement that the server refused, `RESTORE_REFUSED` if the
 *   dump holds what no pg_dump writes, `DUMP_INCOMPLETE` if it ends inside of something, or what its stream throws.
 *   The database holds whatever came before.
 */
export async function restoreParallel(options: ParallelRestoreOptions): Promise<ParallelRestored> {
  const { connection, database, signal, dump } = options;
  const sessions: Session[] = [];
  const breakOff = () => {
    for (const session of sessions) session.destroy();
  };
  signal?.addEventListener('abort', breakOff, { once: true });
  try {
    for (let count = 0; count <= options.sessions; count += 1)
      sessions.push(await openSession(connection, database));
    signal?.throwIfAborted();
    const [main, ...workers] = sessions as [Session, ...Session[]];
    const restorer = new ParallelRestorer(main, workers, options);
    for await (const chunk of dump) await restorer.push(chunk);
    return await restorer.finish();
  } catch (error) {
    breakOff();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', breakOff);
    await Promise.all(sessions.map((session) => session.close().catch(() => undefined)));
  }
}

class ParallelRestorer {
  readonly #main: Session;
  readonly #options: ParallelRestoreOptions;
  readonly #splitter = new DumpSplitter();
  readonly #settings: Buffer[] = [];
  readonly #settingsOf = new Map<Session, number>();
  readonly #loader: RowLoader;
  readonly #builder: Builder;
  readonly #weights = new Map<string, number>();
  /** Where rows go that are loaded in order. */
  #inOrder: { copy: Located; sink: ReturnType<Session['copy']> } | undefined;
  #copiedTable = '';
  #inTransaction = false;
  /** Keys or triggers were made: from then on, rows have an order to keep. */
  #built = false;
  #loaded = false;

  constructor(main: Session, workers: readonly Session[], options: ParallelRestoreOptions) {
    this.#main = main;
    this.#options = options;
    const prepare = (session: Session) => this.#settle(session);
    this.#loader = new RowLoader(workers, prepare, explainRows);
    this.#builder = new Builder(workers, prepare);
  }

  async push(chunk: Uint8Array): Promise<void> {
    for (const part of this.#splitter.push(chunk)) await this.#part(part);
  }

  async finish(): Promise<ParallelRestored> {
    for (const part of this.#splitter.finish()) await this.#part(part);
    await this.#rowsLoaded();
    await this.#everything();
    if (this.#inTransaction) throw transactionOpen();
    return { ended: this.#splitter.ended };
  }

  async #part(part: DumpPart): Promise<void> {
    switch (part.kind) {
      case 'statement':
        return this.#statement(part);
      case 'rows':
        return this.#rows(part);
      case 'end of rows':
        return this.#endOfRows();
      case 'restriction':
      case 'blank':
        return undefined;
    }
  }

  async #statement(part: Statement): Promise<void> {
    const { tokens, line } = part;
    if (this.#options.skips?.(tokens)) return undefined;
    const statement = { sql: part.bytes, line };
    if (part.copies) return this.#copy(statement, tokens);
    const plan: Plan = this.#inTransaction ? { how: 'in order' } : planStatement(tokens);
    if (plan.how === 'aside' && !this.#built) return runLocated(this.#main, statement);
    if (plan.how === 'beside') {
      await this.#rowsLoaded();
      this.#built = true;
      const weight = this.#weightOf(plan);
      return this.#builder.add({ claims: plan.claims, weight, what: { ...statement, method: plan.method } });
    }
    await this.#everything();
    const verb = tokens[0]?.toUpperCase() ?? '';
    if (transactionBegins.has(verb)) this.#inTransaction = true;
    if (transactionEnds.has(verb)) this.#inTransaction = false;
    await runLocated(this.#main, statement);
    if (plan.how === 'setting') this.#settings.push(statement.sql);
    return undefined;
  }

  async #copy(statement: Located, tokens: readonly string[]): Promise<void> {
    const cursor = new TokenCursor(tokens.slice(1));
    const table = cursor.qualifiedName() ?? '';
    // Other formats than pg_dump's have other line ends.
    const isPlain = cursor.seek('FROM', 'STDIN') && cursor.done;
    this.#copiedTable = tableKey(table);
    if (isPlain && !this.#inTransaction && !this.#built) {
      await this.#loader.open({ ...statement, table });
      return;
    }
    await this.#everything();
    this.#inOrder = { copy: statement, sink: this.#main.copy(statement.sql) };
  }

  async #rows({ bytes, line, lineEnds }: Extract<DumpPart, { kind: 'rows' }>): Promise<void> {
    this.#weights.set(this.#copiedTable, (this.#weights.get(this.#copiedTable) ?? 0) + bytes.length);
    if (this.#inOrder === undefined) return this.#loader.rows(bytes, line, lineEnds);
    const { sink, copy } = this.#inOrder;
    return sink.write(bytes).catch((error: unknown) => {
      throw explainRows(error, copy, (row) => copy.line + row);
    });
  }

  async #endOfRows(): Promise<void> {
    if (this.#inOrder === undefined) return;
    const { sink, copy } = this.#inOrder;
    this.#inOrder = undefined;
    await sink.end().catch((error: unknown) => {
      throw explainRows(error, copy, (row) => copy.line + row);
    });
  }

  #weightOf({ claims, method }: Extract<Plan, { how: 'beside' }>): number {
    const bytes = claims.reduce((sum, { table }) => sum + (this.#weights.get(table) ?? 0), 0);
    return bytes * (methodWeights[method] ?? 1);
  }

  /** Gives a session the settings that hold now. */
  async #settle(session: Session): Promise<void> {
    const known = this.#settingsOf.get(session) ?? 0;
    this.#settingsOf.set(session, this.#settings.length);
    for (const sql of this.#settings.slice(known)) await session.run(sql);
  }

  async #rowsLoaded(): Promise<void> {
    if (this.#loaded) return;
    await this.#loader.finish();
    this.#loaded = true;
    this.#options.onLoaded?.();
  }

  async #everything(): Promise<void> {
    if (!this.#built) await this.#loader.finish();
    await this.#builder.finish();
  }
}

function explainRows(error: unknown, copy: Located, lineOfRow: (line: number) => number): unknown {
  const row = /^COPY [^\n]*?, line (\d+)/.exec((error as { where?: string }).where ?? '')?.[1];
  const line = row === undefined ? copy.line : lineOfRow(Number(row));
  return explainStatement(error, line, textOf(copy.sql));
}
