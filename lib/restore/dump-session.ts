// A session that restores a part of a dump: with the settings that the dump has made so far, and every refusal told with
// the dump's line.

import type { RowSink, Session } from '../postgres/session.ts';
import { type StatementError, statementError } from '../postgres/statement-error.ts';

/** A statement, and where in the dump it stands, from 1. */
export type Located = {
  readonly sql: Buffer;
  readonly line: number;
  /** Its first ones; without them, no refusal is passed over. */
  readonly tokens?: readonly string[];
};

/** Whether the restore goes on without a statement that was refused. */
export type GoesOn = (error: StatementError, tokens: readonly string[]) => boolean;

const lineEnd = Buffer.from('\n');

export class DumpSession {
  readonly #session: Session;
  /** Of all sessions of a restore, in the dump's order. */
  readonly #settings: Buffer[];
  readonly #goesOn: GoesOn;
  #applied = 0;
  #buildMemory = '';

  /** @param settings - The same list for all sessions of a restore. */
  constructor(session: Session, settings: Buffer[], goesOn: GoesOn = () => false) {
    this.#session = session;
    this.#settings = settings;
    this.#goesOn = goesOn;
  }

  /** @throws `StatementError` if the server refuses it. */
  async run({ sql, line, tokens }: Located): Promise<void> {
    await this.#applySettings(line);
    await this.#session.run(sql).catch((error: unknown) => {
      const told = statementError(error, line, sql);
      if (tokens === undefined || !this.#goesOn(told, tokens)) throw told;
    });
  }

  /**
   * Runs several at once, as one transaction: a small dump waits more often for an answer than for what was asked.
   *
   * @returns Whether all were taken; if one of them was not, none was, and each is to be run by itself.
   */
  async together(statements: readonly Located[]): Promise<boolean> {
    await this.#applySettings(statements[0]?.line ?? 0);
    const sql = Buffer.concat(statements.flatMap(({ sql }) => [sql, lineEnd]));
    return this.#session.run(sql).then(
      () => true,
      () => false,
    );
  }

  /** Runs a setting of the dump: it holds in every session from now on. */
  async set(statement: Located): Promise<void> {
    await this.run({ sql: statement.sql, line: statement.line });
    this.#settings.push(statement.sql);
    this.#applied = this.#settings.length;
  }

  /** @param size - For the builds to come, as Postgres writes it. */
  async useBuildMemory(size: string): Promise<void> {
    if (this.#buildMemory !== size) await this.#session.run(`SET maintenance_work_mem = '${size}'`);
    this.#buildMemory = size;
  }

  /**
   * Opens a COPY.
   *
   * @param lineOfRow - Of the dump, by the line within this COPY, from 1.
   * @returns Where the rows go; it throws `StatementError`.
   */
  async copy(copy: Located, lineOfRow: (row: number) => number): Promise<RowSink> {
    await this.#applySettings(copy.line);
    const sink = this.#session.copy(copy.sql);
    const told = (error: unknown) => {
      throw rowError(error, copy, lineOfRow);
    };
    return { write: (bytes) => sink.write(bytes).catch(told), end: () => sink.end().catch(told) };
  }

  async #applySettings(line: number): Promise<void> {
    const missing = this.#settings.slice(this.#applied);
    this.#applied = this.#settings.length;
    for (const sql of missing) {
      await this.#session.run(sql).catch((error: unknown) => {
        throw statementError(error, line, sql);
      });
    }
  }
}

function rowError(error: unknown, copy: Located, lineOfRow: (row: number) => number): unknown {
  const row = /^COPY [^\n]*?, line (\d+)/m.exec((error as { where?: string }).where ?? '')?.[1];
  return statementError(error, row === undefined ? copy.line : lineOfRow(Number(row)), copy.sql);
}
