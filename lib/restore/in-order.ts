// What has its place in the dump's order, by one session: each waits for no answer that it has no need of.

import type { DumpSession, Located } from './dump-session.ts';

/** With the tokens that decide whether it is left out. */
type Joined = Required<Located>;

/** What is sent at once at most. */
const togetherMost = { statements: 64, bytes: 65_536 };

export class InOrder {
  readonly #session: DumpSession;
  readonly #isLeftOut: (statement: Joined) => boolean;
  /** Come one after another, and not sent yet. */
  #together: Joined[] = [];
  #ahead: Promise<void> = Promise.resolve();

  /** @param isLeftOut - Asked again once the server has refused one of several. */
  constructor(session: DumpSession, isLeftOut: (statement: Joined) => boolean) {
    this.#session = session;
    this.#isLeftOut = isLeftOut;
  }

  get isEmpty(): boolean {
    return this.#together.length === 0;
  }

  /** Settles once what was run ahead has run. */
  get ranAhead(): Promise<void> {
    return this.#ahead;
  }

  /** Takes a statement that may be sent with others like it. @returns Whether it is time to. */
  join(statement: Joined): boolean {
    this.#together.push(statement);
    const bytes = this.#together.reduce((sum, { sql }) => sum + sql.length, 0);
    return this.#together.length >= togetherMost.statements || bytes >= togetherMost.bytes;
  }

  async runTogether(): Promise<void> {
    const statements = this.#together;
    this.#together = [];
    if (statements.length > 1 && (await this.#session.together(statements))) return;
    for (const statement of statements) if (!this.#isLeftOut(statement)) await this.#session.run(statement);
  }

  /** Of a transaction, as that of large objects: settles once the one before has run, so the next is read meanwhile. */
  async runAhead(statement: Located): Promise<void> {
    const before = this.#ahead;
    this.#ahead = before.then(() => this.#session.run(statement));
    this.#ahead.catch(() => undefined);
    await before;
  }
}
