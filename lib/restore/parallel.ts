// Restores a plain dump by several sessions while it streams by: what stands before the data in one session, rows in
// several in turn, then indexes and keys several at a time. What is not known in every word is run in its place, after
// everything before it and before everything after it, as psql would; so are rows that run functions of the dump's own.

import type { Connection } from '../postgres/connection.ts';
import type { Session } from '../postgres/session.ts';
import { transactionOpen } from '../report/failure.ts';
import type { DumpPart } from '../sql/splitter.ts';
import { TokenCursor } from '../sql/token-cursor.ts';
import { DumpParts } from './dump-parts.ts';
import { DumpSession, type GoesOn, type Located } from './dump-session.ts';
import { InOrder } from './in-order.ts';
import { Builder, type BuildProgress } from './indexes.ts';
import { Inside } from './inside.ts';
import {
  type Build,
  inTransactionAfter,
  joinsOthers,
  knownSettingsSql,
  type Plan,
  planStatement,
  setsOneOf,
  tableKey,
  unknownSettings,
} from './plan.ts';
import { RowLoader } from './rows.ts';
import { Tables } from './tables.ts';

export type ParallelRestoreOptions = {
  /** As the role that restores; it needs no right but those of the dump's owners. */
  readonly connection: Connection;
  readonly database: string;
  /** Sessions there, where somebody goes on with them; else they end with this. */
  readonly inside?: Inside | undefined;
  readonly dump: AsyncIterable<Uint8Array> | DumpParts;
  /** That load, and then make indexes, at the same time; by one, everything is done in the dump's order. */
  readonly sessions: number;
  /** Statements to leave out; the rows of a COPY too. */
  readonly skips?: ((tokens: readonly string[], line: number) => boolean) | undefined;
  /** Told of each statement about the dump's database as a whole, which is not run. */
  readonly onLeftOut?: ((statement: Buffer) => void) | undefined;
  /** Whether the restore goes on without a statement that the server refused. */
  readonly goesOnWithout?: GoesOn | undefined;
  /** Told of each index, key or trigger that is begun by one of several. */
  readonly onBuild?: ((build: BuildProgress) => void) | undefined;
  /** Called once all rows are loaded. */
  readonly onLoaded?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type ParallelRestored = {
  /** Whether the dump ended with pg_dump's end marker. */
  readonly ended: boolean;
};

type Statement = Extract<DumpPart, { kind: 'statement' }>;

/**
 * What changes nothing of the result. Nothing is waited for on disk until the last of all says COMMIT; a foreign key is
 * checked by one long query, which would be compiled first and gain nothing by it.
 */
const forSpeed = 'SET synchronous_commit = off; SET jit = off';

/** How much longer than a btree's an index of the method takes. */
const methodWeights: Readonly<Record<string, number>> = { gin: 6, gist: 6, spgist: 4, trigger: 0 };

/**
 * Restores a dump into an empty database.
 *
 * @throws `OffsiteError` `RESTORE_FAILED` with the first statement that the server refused, `RESTORE_REFUSED` if the
 *   dump holds what no pg_dump writes, `DUMP_INCOMPLETE` if it ends inside of something, or what its stream throws.
 *   The database holds whatever came before.
 */
export async function restoreParallel(options: ParallelRestoreOptions): Promise<ParallelRestored> {
  const { connection, database, signal } = options;
  const dump = DumpParts.of(options.dump);
  const inside = options.inside ?? new Inside(connection, database, signal);
  try {
    const sessions = await inside.take(options.sessions);
    const [main, ...others] = sessions as [Session, ...Session[]];
    const known = main.rows(`${forSpeed};\n${knownSettingsSql}`);
    await Promise.all([known, ...others.map((session) => session.run(forSpeed))]);
    const restorer = new ParallelRestorer(sessions, unknownSettings(await known), options);
    for await (const parts of dump) for (const part of parts) await restorer.push(part);
    await restorer.finish();
    return { ended: dump.ended };
  } catch (error) {
    inside.destroy();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    if (options.inside === undefined) await inside.close();
  }
}

class ParallelRestorer {
  readonly #options: ParallelRestoreOptions;
  readonly #unknownSettings: ReadonlySet<string>;
  /** Of those that load and make indexes, the one that does alone what has its place in the dump's order. */
  readonly #main: DumpSession;
  readonly #inOrder: InOrder;
  readonly #loader: RowLoader;
  readonly #builder: Builder;
  readonly #tables = new Tables();
  /** Bytes of rows, by table: how long its indexes will take. */
  readonly #weights = new Map<string, number>();
  readonly #serially: boolean;
  #copiedTable = '';
  /** Where rows go that are loaded in order. */
  #orderedRows: Awaited<ReturnType<DumpSession['copy']>> | undefined;
  #inTransaction = false;
  /** The rows that come are those of a COPY that was left out. */
  #discards = false;
  /** Keys or triggers were made: from then on, rows have an order to keep. */
  #built = false;
  #loaded = false;

  constructor(
    sessions: readonly Session[],
    unknownSettings: ReadonlySet<string>,
    options: ParallelRestoreOptions,
  ) {
    const settings: Buffer[] = [];
    // Within a transaction, everything is lost with one statement.
    const goesOn: GoesOn = (error, tokens) =>
      !this.#inTransaction && (options.goesOnWithout?.(error, tokens) ?? false);
    const own = sessions.map((session) => new DumpSession(session, settings, goesOn));
    this.#main = own[0] as DumpSession;
    this.#inOrder = new InOrder(this.#main, (statement) => this.#isLeftOut(statement));
    this.#serially = own.length === 1;
    this.#options = options;
    this.#unknownSettings = unknownSettings;
    this.#loader = new RowLoader(own);
    this.#builder = new Builder(own, options.onBuild);
  }

  async finish(): Promise<void> {
    await this.#runTogether();
    await this.#rowsLoaded();
    await this.#allDone();
    if (this.#inTransaction) throw transactionOpen();
  }

  async push(part: DumpPart): Promise<void> {
    switch (part.kind) {
      case 'statement':
        return this.#statement(part);
      case 'rows':
        return this.#rows(part);
      case 'end of rows':
        return this.#endOfRows();
      case 'left out':
        return this.#options.onLeftOut?.(part.text);
      case 'restriction':
      case 'blank':
        return undefined;
    }
  }

  async #statement({ tokens, bytes, line, copies }: Statement): Promise<void> {
    const statement = { sql: bytes, line, tokens };
    const plan: Plan = this.#inTransaction ? { how: 'ordered' } : planStatement(tokens);
    const joins = plan.how === 'ordered' && !this.#inTransaction && joinsOthers(tokens);
    // What the server refuses of it decides what is left out from here on.
    if (!joins) await this.#runTogether();
    if (this.#isLeftOut(statement)) {
      this.#discards = copies;
      return undefined;
    }
    if (plan.how === 'ordered' && !this.#built) this.#tables.note(tokens, bytes);
    if (joins) return this.#inOrder.join(statement) ? this.#runTogether() : undefined;
    if (copies) return this.#copy(statement, tokens);
    if (plan.how === 'build') await this.#rowsLoaded();
    if (plan.how === 'build' && !this.#serially) return this.#build(plan, statement);
    if (this.#inTransaction && inTransactionAfter(tokens, true)) return this.#inOrder.runAhead(statement);
    await this.#allDone();
    this.#inTransaction = inTransactionAfter(tokens, this.#inTransaction);
    if (plan.how === 'setting') return this.#main.set(statement);
    return this.#main.run(statement);
  }

  async #runTogether(): Promise<void> {
    if (this.#inOrder.isEmpty) return;
    await this.#allDone();
    await this.#inOrder.runTogether();
  }

  #isLeftOut({ tokens, line }: Required<Located>): boolean {
    return (this.#options.skips?.(tokens, line) ?? false) || setsOneOf(tokens, this.#unknownSettings);
  }

  #build({ claims, method, name }: Build, statement: Located): void {
    this.#built = true;
    const bytes = claims.reduce((sum, { table }) => sum + (this.#weights.get(table) ?? 0), 0);
    this.#builder.add({
      claims: this.#tables.withFamilies(claims),
      weight: bytes * (methodWeights[method] ?? 1),
      what: { ...statement, method, name },
    });
  }

  async #copy(statement: Located, tokens: readonly string[]): Promise<void> {
    const cursor = new TokenCursor(tokens.slice(1));
    this.#copiedTable = tableKey(cursor.qualifiedName() ?? '');
    // Other formats than pg_dump's have other line ends.
    const isPlain = cursor.seek('FROM', 'STDIN') && cursor.done;
    const needsOrder = this.#inTransaction || this.#built || this.#tables.needsOrder(this.#copiedTable);
    if (isPlain && !needsOrder && !this.#serially) return this.#loader.open(statement);
    await this.#allDone();
    this.#orderedRows = await this.#main.copy(statement, (row) => statement.line + row);
  }

  async #rows(rows: Extract<DumpPart, { kind: 'rows' }>): Promise<void> {
    if (this.#discards) return undefined;
    this.#weights.set(this.#copiedTable, (this.#weights.get(this.#copiedTable) ?? 0) + rows.bytes.length);
    return this.#orderedRows === undefined ? this.#loader.rows(rows) : this.#orderedRows.write(rows.bytes);
  }

  async #endOfRows(): Promise<void> {
    this.#discards = false;
    const rows = this.#orderedRows ?? this.#loader;
    this.#orderedRows = undefined;
    await rows.end();
  }

  async #rowsLoaded(): Promise<void> {
    if (this.#loaded) return;
    await this.#loader.commit();
    this.#loaded = true;
    this.#options.onLoaded?.();
  }

  /** All rows are committed and all builds made that came before. */
  async #allDone(): Promise<void> {
    await this.#inOrder.ranAhead;
    await this.#loader.commit();
    await this.#builder.finish();
  }
}
