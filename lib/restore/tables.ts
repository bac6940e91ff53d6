// What the statements before the data tell of the tables after them: which are partitions of one table, and whose rows
// call a function of the dump's own while they are loaded. Such a function may look at other tables; psql's order is
// what it may count on. Names are found in the statement's text, wherever they stand: too many do no harm.

import { TokenCursor } from '../sql/token-cursor.ts';
import { type Claim, tableKey } from './plan.ts';

const identifier = '(?:"(?:[^"]|"")+"|[A-Za-z_\\u0080-\\u{10ffff}][\\w$\\u0080-\\u{10ffff}]*)';
/** pg_dump names nothing but the server's own things without their schema. */
const qualifiedNames = new RegExp(`(${identifier}\\.${identifier})(\\s*\\()?`, 'gu');
/** Where a table or domain calls functions for each row that comes; defaults are not asked for rows of a dump. */
const calling = /\b(?:CHECK|GENERATED|PARTITION BY)\b/i;

export class Tables {
  readonly #parents = new Map<string, string>();
  readonly #partitioned = new Set<string>();
  readonly #functions = new Set<string>();
  /** Tables, types, domains and operator classes that call the dump's functions, by themselves or by others of these. */
  readonly #calling = new Set<string>();
  #callingFamilies: Set<string> | undefined;
  #hasOperators = false;
  #hasCasts = false;

  /** Takes a statement down that stands before the rows. @param tokens - Its first tokens. */
  note(tokens: readonly string[], sql: Buffer): void {
    this.#callingFamilies = undefined;
    const cursor = new TokenCursor(tokens);
    if (cursor.skip('ALTER')) this.#noteAlter(cursor, sql);
    if (!cursor.skip('CREATE')) return;
    cursor.skip('OR', 'REPLACE');
    if (cursor.skip('FUNCTION')) this.#add(this.#functions, cursor);
    else if (cursor.skip('OPERATOR', 'CLASS')) this.#noteOperatorClass(cursor);
    else if (cursor.skip('OPERATOR')) this.#hasOperators ||= this.#functions.size > 0;
    else if (cursor.skip('CAST')) this.#hasCasts ||= this.#functions.size > 0;
    else this.#noteCreate(cursor, sql);
  }

  /** Whether a table's rows must see what psql would let them see: all rows before them, and none after. */
  needsOrder(table: string): boolean {
    // Rows that come through the root run what any of its partitions calls.
    this.#callingFamilies ??= new Set([...this.#calling].map((one) => this.#rootOf(one)));
    return this.#callingFamilies.has(this.#rootOf(table));
  }

  /**
   * Claims with the families of partitions in them.
   *
   * @remarks A key or a trigger of a partitioned table locks all of its partitions, one after another: nothing else
   *   may be at one of them. What is made on a single partition leaves the others alone.
   */
  withFamilies(claims: readonly Claim[]): Claim[] {
    return claims.flatMap((claim): Claim[] => {
      const root = this.#rootOf(claim.table);
      const family = `family of ${root}`;
      if (this.#partitioned.has(claim.table)) return [claim, { table: family, how: 'exclusive' }];
      return root === claim.table ? [claim] : [claim, { table: family, how: 'shared' }];
    });
  }

  #noteCreate(cursor: TokenCursor, sql: Buffer): void {
    cursor.skip('UNLOGGED');
    if (!['TABLE', 'DOMAIN', 'TYPE'].includes(cursor.next())) return;
    const name = cursor.qualifiedName();
    if (name === undefined) return;
    if (cursor.skip('PARTITION', 'OF')) this.#attach(name, cursor.qualifiedName() ?? '');
    if (this.#calls(sql)) this.#calling.add(tableKey(name));
  }

  #noteAlter(cursor: TokenCursor, sql: Buffer): void {
    if (!cursor.skip('TABLE') && !cursor.skip('DOMAIN')) return;
    cursor.skip('ONLY');
    const name = cursor.qualifiedName();
    if (name === undefined) return;
    if (cursor.skip('ATTACH', 'PARTITION')) this.#attach(cursor.qualifiedName() ?? '', name);
    else if (this.#calls(sql)) this.#calling.add(tableKey(name));
  }

  #noteOperatorClass(cursor: TokenCursor): void {
    // A default one is used wherever its type is.
    if (this.#functions.size === 0) return;
    this.#add(this.#calling, cursor);
    if (cursor.seek('FOR', 'TYPE')) this.#add(this.#calling, cursor);
  }

  #add(names: Set<string>, cursor: TokenCursor): void {
    const name = cursor.qualifiedName();
    if (name !== undefined) names.add(tableKey(name));
  }

  #attach(partition: string, parent: string): void {
    this.#parents.set(tableKey(partition), tableKey(parent));
    this.#partitioned.add(tableKey(parent));
  }

  #rootOf(table: string): string {
    let root = table;
    for (let parent = this.#parents.get(root); parent !== undefined; parent = this.#parents.get(root))
      root = parent;
    return root;
  }

  #calls(sql: Buffer): boolean {
    if (this.#functions.size === 0 && this.#calling.size === 0) return false;
    const text = sql.toString('utf8');
    const callsHere = calling.test(text);
    if (callsHere && (this.#hasCasts || (this.#hasOperators && text.includes('OPERATOR(')))) return true;
    for (const [, name = '', parenthesis] of text.matchAll(qualifiedNames)) {
      const key = tableKey(name);
      if (this.#calling.has(key)) return true;
      if (callsHere && parenthesis !== undefined && this.#functions.has(key)) return true;
    }
    return false;
  }
}
