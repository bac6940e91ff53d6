// What each statement of a dump adds to its inventory. Only the forms that pg_dump writes are known; all others add
// nothing.

import type { Inventory } from './inventory.ts';
import { schemaPrefix, TokenCursor } from './token-cursor.ts';

const createModifiers = new Set(
  'OR REPLACE UNLOGGED FOREIGN GLOBAL LOCAL TEMP TEMPORARY UNIQUE CONSTRAINT RECURSIVE MATERIALIZED'.split(
    ' ',
  ),
);
/** Words that stand where a role could and name none. */
const noRoles = new Set(['PUBLIC', 'CURRENT_USER', 'CURRENT_ROLE', 'SESSION_USER']);

/** Collects what the statements of a dump create. */
export class DumpContents {
  readonly #rows = new Map<string, number>();
  readonly #tables = new Set<string>();
  readonly #indexes = new Set<string>();
  readonly #constraints = new Set<string>();
  readonly #triggers = new Set<string>();
  readonly #sequences = new Set<string>();
  readonly #extensions = new Set<string>();
  readonly #types = new Set<string>();
  readonly #views = new Set<string>();
  readonly #roles = new Set<string>();
  /** Functions of one name and different arguments are as many entries. */
  readonly #functions: string[] = [];
  #largeObjects = 0;

  /** Adds to a table's rows; 0 makes it one of the tables that have data. */
  addRows(table: string, count: number): void {
    this.#rows.set(table, (this.#rows.get(table) ?? 0) + count);
  }

  /**
   * Takes a statement in.
   *
   * @param tokens - Of an INSERT, those up to and including VALUES suffice.
   * @param groups - How many parentheses the whole statement opened outside of others.
   * @returns The table whose COPY data follow, if they do.
   */
  read(tokens: readonly string[], groups: number): string | undefined {
    const cursor = new TokenCursor(tokens);
    switch (cursor.next()) {
      case 'COPY':
        return this.#copy(cursor);
      case 'INSERT':
        this.#insert(cursor, tokens, groups);
        break;
      case 'CREATE':
        this.#create(cursor);
        break;
      case 'ALTER':
        this.#alter(cursor);
        break;
      case 'GRANT':
        if (cursor.seek('TO')) this.#addRoles(cursor);
        break;
      case 'REVOKE':
        if (cursor.seek('FROM')) this.#addRoles(cursor);
        break;
      case 'SELECT':
        while (cursor.seek('LO_CREATE', '(')) this.#largeObjects += 1;
        break;
    }
    return undefined;
  }

  /** Everything but versions and end marker. */
  inventory(): Omit<Inventory, 'endMarker'> {
    return {
      rows: Object.fromEntries(this.#rows),
      tables: [...this.#tables],
      largeObjects: this.#largeObjects,
      indexes: [...this.#indexes],
      constraints: [...this.#constraints],
      triggers: [...this.#triggers],
      sequences: [...this.#sequences],
      extensions: [...this.#extensions],
      types: [...this.#types],
      functions: [...this.#functions],
      views: [...this.#views],
      roles: [...this.#roles],
    };
  }

  #copy(cursor: TokenCursor): string | undefined {
    const table = cursor.qualifiedName();
    if (table === undefined || !cursor.seek('FROM') || !cursor.skip('STDIN')) return undefined;
    this.addRows(table, 0);
    return table;
  }

  #insert(cursor: TokenCursor, tokens: readonly string[], groups: number): void {
    if (!cursor.skip('INTO')) return;
    const table = cursor.qualifiedName();
    if (table === undefined) return;
    const columnLists = cursor.peek() === '(' ? 1 : 0;
    if (cursor.seek('DEFAULT', 'VALUES')) this.addRows(table, 1);
    else if (tokens.at(-1)?.toUpperCase() === 'VALUES') this.addRows(table, groups - columnLists);
  }

  #create(cursor: TokenCursor): void {
    cursor.skipAny(createModifiers);
    const kind = cursor.next();
    cursor.skip('CONCURRENTLY');
    cursor.skip('IF', 'NOT', 'EXISTS');
    const name = cursor.qualifiedName();
    if (name === undefined) return;
    switch (kind) {
      case 'TABLE':
        this.#tables.add(name);
        this.#addInlineConstraints(cursor, name);
        break;
      case 'INDEX':
        this.#addOnTable(cursor, (table) => this.#indexes.add(`${schemaPrefix(table)}${name}`));
        break;
      case 'TRIGGER':
        this.#addOnTable(cursor, (table) => this.#triggers.add(`${table}.${name}`));
        break;
      case 'SEQUENCE':
        this.#sequences.add(name);
        break;
      case 'EXTENSION':
        this.#extensions.add(name);
        break;
      case 'TYPE':
      case 'DOMAIN':
        this.#types.add(name);
        break;
      case 'FUNCTION':
      case 'PROCEDURE':
      case 'AGGREGATE':
        this.#functions.push(name);
        break;
      case 'VIEW':
        this.#views.add(name);
        break;
      case 'POLICY':
        if (cursor.seek('TO')) this.#addRoles(cursor);
        break;
    }
  }

  #alter(cursor: TokenCursor): void {
    if (cursor.skip('DEFAULT', 'PRIVILEGES')) {
      if (cursor.skip('FOR', 'ROLE') || cursor.skip('FOR', 'USER')) this.#addRoles(cursor);
      const start = cursor.at;
      const grants = cursor.seek('TO');
      if (!grants) cursor.at = start;
      if (grants || cursor.seek('FROM')) this.#addRoles(cursor);
      return;
    }
    cursor.skip('FOREIGN');
    if (cursor.skip('TABLE')) this.#alterTable(cursor);
    if (cursor.seek('OWNER', 'TO')) this.#addRoles(cursor);
  }

  #alterTable(cursor: TokenCursor): void {
    cursor.skip('IF', 'EXISTS');
    cursor.skip('ONLY');
    const table = cursor.qualifiedName();
    if (table === undefined) return;
    if (cursor.skip('ADD', 'CONSTRAINT')) this.#addConstraint(cursor, table);
    else if (cursor.peek() === 'ALTER' && cursor.seek('AS', 'IDENTITY', '(', 'SEQUENCE', 'NAME')) {
      const sequence = cursor.qualifiedName();
      if (sequence !== undefined) this.#sequences.add(sequence);
    }
  }

  #addOnTable(cursor: TokenCursor, add: (table: string) => void): void {
    if (!cursor.seek('ON')) return;
    cursor.skip('ONLY');
    const table = cursor.qualifiedName();
    if (table !== undefined) add(table);
  }

  #addInlineConstraints(cursor: TokenCursor, table: string): void {
    if (!cursor.skip('(')) return;
    // From in here, what is in the columns' parentheses stands in no further ones; their end ends the seeking.
    while (cursor.seek('CONSTRAINT')) this.#addConstraint(cursor, table);
  }

  #addConstraint(cursor: TokenCursor, table: string): void {
    const name = cursor.identifier();
    // Since version 18 NOT NULL can have a name too; up to 17 it is no constraint in the catalogue.
    if (name !== undefined && cursor.peek() !== 'NOT') this.#constraints.add(`${table}.${name}`);
  }

  #addRoles(cursor: TokenCursor): void {
    do {
      cursor.skip('GROUP');
      const isRole = !noRoles.has(cursor.peek());
      const role = cursor.identifier();
      if (role !== undefined && isRole) this.#roles.add(role);
    } while (cursor.skip(','));
  }
}
