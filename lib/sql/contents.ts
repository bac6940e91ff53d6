// What each statement of a dump adds to its inventory. Only the forms that pg_dump writes are known; all others add nothing.

import { type Contents, noContents } from '../archive/inventory.ts';
import { Needs } from './needs.ts';
import { References } from './references.ts';
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
  readonly #rows: Map<string, number>;
  readonly #tables: Set<string>;
  readonly #indexes: Set<string>;
  readonly #constraints: Set<string>;
  readonly #triggers: Set<string>;
  readonly #sequences: Set<string>;
  readonly #extensions: Set<string>;
  readonly #types: Set<string>;
  readonly #views: Set<string>;
  readonly #roles: Set<string>;
  /** Functions of one name and different arguments are as many entries. */
  readonly #functions: string[];
  #largeObjects: number;
  #madeTwice: string | undefined;
  readonly #needs: Needs;
  readonly #references = new References();

  /** @param before - What was found in what comes before. */
  constructor(before: Contents = noContents) {
    this.#rows = new Map(Object.entries(before.rows));
    this.#tables = new Set(before.tables);
    this.#indexes = new Set(before.indexes);
    this.#constraints = new Set(before.constraints);
    this.#triggers = new Set(before.triggers);
    this.#sequences = new Set(before.sequences);
    this.#extensions = new Set(before.extensions);
    this.#types = new Set(before.types);
    this.#views = new Set(before.views);
    this.#roles = new Set(before.roles);
    this.#functions = [...before.functions];
    this.#largeObjects = before.largeObjects;
    this.#madeTwice = before.madeTwice;
    this.#needs = new Needs(before);
    this.#references.add(before);
  }

  /** Adds what was found in what follows. */
  add(next: Contents): void {
    for (const [table, rows] of Object.entries(next.rows)) this.addRows(table, rows);
    this.#madeTwice ??= next.madeTwice;
    for (const name of next.tables) this.#addTable(name);
    for (const name of next.indexes) this.#indexes.add(name);
    for (const name of next.constraints) this.#constraints.add(name);
    for (const name of next.triggers) this.#triggers.add(name);
    for (const name of next.sequences) this.#sequences.add(name);
    for (const name of next.extensions) this.#extensions.add(name);
    for (const name of next.types) this.#types.add(name);
    for (const name of next.views) this.#views.add(name);
    for (const name of next.roles) this.#roles.add(name);
    this.#functions.push(...next.functions);
    this.#largeObjects += next.largeObjects;
    this.#needs.add(next);
    this.#references.add(next);
  }

  /** Two dumps in one file. Of older servers' dumps, whose names have no schema, nothing is known. */
  get madeTwice(): string | undefined {
    return this.#madeTwice;
  }

  /** Adds to a table's rows; 0 makes it one of the tables that have data. */
  addRows(table: string, count: number): void {
    this.#rows.set(table, (this.#rows.get(table) ?? 0) + count);
  }

  /**
   * Takes a statement in.
   *
   * @param tokens - Of an INSERT, those up to and including VALUES suffice.
   * @param groups - How many parentheses the whole statement opened outside of others.
   */
  read(tokens: readonly string[], groups: number): void {
    this.#needs.read(tokens);
    this.#references.read(tokens);
    const cursor = new TokenCursor(tokens);
    switch (cursor.next()) {
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
  }

  /** Everything but versions and end marker. */
  inventory(): Contents {
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
      ...this.#needs.found(),
      ...this.#references.found(),
      ...(this.#madeTwice !== undefined && { madeTwice: this.#madeTwice }),
    };
  }

  #addTable(name: string): void {
    if (this.#tables.has(name) && schemaPrefix(name) !== '') this.#madeTwice ??= name;
    this.#tables.add(name);
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
        this.#addTable(name);
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
      case 'USER':
        // MAPPING
        if (cursor.skip('FOR')) this.#addRoles(cursor);
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
    if (cursor.skip('OF')) cursor.qualifiedName();
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
