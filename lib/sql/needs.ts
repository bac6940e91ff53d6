// What a dump names and does not make: a restore fails where nothing before it made that. pg_dump puts the schema before
// every name that is not the server's own, so in the statements looked at here a name with a dot is an object's. In views,
// functions, rules and policies it may be a column's too: those are not looked at.

import type { Contents } from '../archive/inventory.ts';
import { schemaPrefix, TokenCursor } from './token-cursor.ts';

const modifiers = new Set('OR REPLACE UNLOGGED FOREIGN UNIQUE CONSTRAINT MATERIALIZED RECURSIVE'.split(' '));
const needed = new Set('TABLE VIEW TYPE DOMAIN SEQUENCE FUNCTION PROCEDURE AGGREGATE'.split(' '));
/** Kinds whose whole statement names objects only. */
const naming = new Set('TABLE INDEX TRIGGER DOMAIN'.split(' '));
/** What stands before a dot and is no schema of the dump's: rows in a trigger's condition, a storage parameter. */
const noSchema = /^(?:new|old|toast|pg_\w+|information_schema)\.$/i;
/** A schema that each database has from the beginning. */
const publicSchema = /^"?public"?\.$/;

/** Kinds of objects that have no list of their own in the inventory. */
const furtherKinds: Readonly<Record<string, string>> = {
  SCHEMA: 'schemas',
  COLLATION: 'collations',
  PUBLICATION: 'publications',
  STATISTICS: 'statistics',
  POLICY: 'policies',
  RULE: 'rules',
  OPERATOR: 'operators',
  'OPERATOR CLASS': 'operator classes',
  'OPERATOR FAMILY': 'operator families',
  'EVENT TRIGGER': 'event triggers',
  'TEXT SEARCH': 'text searches',
};

/** Collects what statements need of those before them, and the kinds of objects that nobody else lists. */
export class Needs {
  readonly #further = new Map<string, Set<string>>();
  readonly #needs = new Set<string>();
  readonly #made = new Set<string>();

  /** @param before - What was found in what comes before. */
  constructor(before: Contents) {
    this.add(before);
  }

  /** Adds what was found in what follows. */
  add(next: Contents): void {
    for (const name of next.needs ?? []) this.#need(name);
    for (const kind of ['tables', 'views', 'types', 'functions', 'sequences'] as const) {
      for (const name of next[kind]) this.#made.add(name);
    }
    for (const [kind, names] of Object.entries(next.further ?? {})) {
      for (const name of names) this.#addFurther(kind, name);
    }
  }

  /** Takes a statement in. */
  read(tokens: readonly string[]): void {
    const cursor = new TokenCursor(tokens);
    if (cursor.skip('ALTER', 'TABLE')) {
      if (cursor.seek('ADD', 'CONSTRAINT')) this.#needNames(new TokenCursor(tokens));
      return;
    }
    if (!cursor.skip('CREATE')) return;
    // What it replaces has needed the same; --clean makes empty views among its drops, where no schema is.
    const isView = cursor.skip('OR', 'REPLACE', 'VIEW');
    cursor.skipAny(modifiers);
    const kind = isView ? 'VIEW' : cursor.next();
    if (isView) this.#made.add(cursor.qualifiedName() ?? '');
    else if (needed.has(kind)) this.#make(cursor, kind);
    else if (!naming.has(kind)) this.#makeFurther(cursor, kind);
    if (naming.has(kind)) this.#needNames(cursor);
  }

  /** What there is to say, if there is anything. */
  found(): Pick<Contents, 'further' | 'needs'> {
    const further = [...this.#further].map(([kind, names]) => [kind, [...names]]);
    return {
      ...(further.length > 0 && { further: Object.fromEntries(further) }),
      ...(this.#needs.size > 0 && { needs: [...this.#needs] }),
    };
  }

  #make(cursor: TokenCursor, kind: string): void {
    cursor.skip('IF', 'NOT', 'EXISTS');
    const name = cursor.qualifiedName();
    if (name === undefined) return;
    this.#made.add(name);
    const prefix = schemaPrefix(name);
    if (prefix !== '' && !noSchema.test(prefix) && !publicSchema.test(prefix))
      this.#need(`schema ${prefix.slice(0, -1)}`);
    // A range makes its multirange too.
    if (kind === 'TYPE' && cursor.seek('RANGE')) for (const made of namesIn(cursor)) this.#made.add(made);
  }

  #makeFurther(cursor: TokenCursor, word: string): void {
    const pair = `${word} ${cursor.peek()}`;
    const kind = furtherKinds[pair] ?? furtherKinds[word];
    if (kind === undefined) return;
    if (furtherKinds[pair] !== undefined) cursor.next();
    if (pair === 'TEXT SEARCH') cursor.next();
    cursor.skip('IF', 'NOT', 'EXISTS');
    const name = cursor.qualifiedName();
    if (name === undefined) return;
    // A policy's and a rule's names are their table's own.
    const isOfTable = word === 'POLICY' || word === 'RULE';
    const table = isOfTable && cursor.seek(word === 'RULE' ? 'TO' : 'ON') && cursor.qualifiedName();
    this.#addFurther(kind, table ? `${table}.${name}` : name);
  }

  #addFurther(kind: string, name: string): void {
    const names = this.#further.get(kind) ?? new Set();
    this.#further.set(kind, names.add(name));
    this.#made.add(kind === 'schemas' ? `schema ${name}` : name);
  }

  #needNames(cursor: TokenCursor): void {
    for (const name of namesIn(cursor)) this.#need(name);
  }

  #need(name: string): void {
    if (!this.#made.has(name)) this.#needs.add(name);
  }
}

/** The names of two parts, from here on: of three, one is a column's. */
function namesIn(cursor: TokenCursor): string[] {
  const names: string[] = [];
  while (!cursor.done) {
    const name = cursor.qualifiedName();
    if (name === undefined) {
      cursor.next();
      continue;
    }
    const prefix = schemaPrefix(name);
    const isOfSchema =
      prefix !== '' && !noSchema.test(prefix) && schemaPrefix(name.slice(prefix.length)) === '';
    if (isOfSchema) names.push(name);
  }
  return names;
}
