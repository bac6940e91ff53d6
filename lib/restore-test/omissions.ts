// What a restore test leaves out of a dump because its sandbox cannot do it, not because the archive lacks it: what only a
// superuser may do, what needs a tablespace of its own, and what cannot be without either. It is named in the report, and all
// the rest is compared.

import { splitName } from '../archive/comparison.ts';
import type { Inventory } from '../archive/inventory.ts';
import type { StatementError } from '../postgres/statement-error.ts';
import type { RestoreReport } from '../report/report.ts';
import { DumpContents } from '../sql/contents.ts';
import { TokenCursor } from '../sql/token-cursor.ts';

type Omission = NonNullable<RestoreReport['skipped']>['first'][number];

/** More of them fill a mail and say nothing more. */
const firstOnes = 100;
const shownWords = 8;

/**
 * What pg_dump writes and a superuser only may run. Nothing else is left out: a dump that asks for a program, a file or a
 * role was not written by it.
 */
const superuserOnly = new Map(
  Object.entries({
    CREATE:
      'ACCESS AGGREGATE CAST COLLATION CONVERSION EVENT EXTENSION FOREIGN FUNCTION LANGUAGE OPERATOR PROCEDURE PUBLICATION SERVER SUBSCRIPTION TEXT TRANSFORM TYPE USER',
    ALTER:
      'AGGREGATE COLLATION CONVERSION DEFAULT EVENT EXTENSION FOREIGN FUNCTION LANGUAGE OPERATOR PROCEDURE PUBLICATION SERVER SUBSCRIPTION TEXT TYPE',
    COMMENT: 'ON',
    SECURITY: 'LABEL',
  }).map(([verb, kinds]) => [verb, new Set(kinds.split(' '))]),
);

/** Something that a statement names is not there. @see https://www.postgresql.org/docs/16/errcodes-appendix.html */
const absent: readonly string[] = ['42704', '42883', '42P01', '3F000', '42809'];

/** What may stand before the word for a kind, and between it and the name. */
const modifiers = new Set('OR REPLACE TRUSTED PROCEDURAL UNLOGGED MATERIALIZED UNIQUE DEFAULT'.split(' '));
const kindWords = new Set(
  'METHOD CLASS DATA FAMILY TABLE MAPPING FOR SEARCH TRIGGER WRAPPER CONFIGURATION DICTIONARY PARSER TEMPLATE IF NOT EXISTS'.split(
    ' ',
  ),
);

/** Takes down what is left out. */
export class Omissions {
  readonly #first: Omission[] = [];
  #statements = 0;
  readonly #contents = new DumpContents();
  readonly #tables = new Set<string>();
  readonly #names = new Set<string>();
  #lacksExtension = false;

  /** For the report; `undefined` if nothing was left out. */
  get all(): RestoreReport['skipped'] {
    return this.#statements === 0 ? undefined : { statements: this.#statements, first: this.#first };
  }

  /** Whether a statement is one that the sandbox never runs: it chooses a tablespace, or loads a table that was left out. */
  leavesOut(tokens: readonly string[], line: number): boolean {
    const cursor = new TokenCursor(tokens);
    if (cursor.skip('SET', 'DEFAULT_TABLESPACE', '=')) {
      const tablespace = cursor.identifier();
      if (tablespace === undefined) return false;
      if (!this.#names.has(tablespace)) this.#add(tokens, line, 'this server has no tablespace but its own');
      this.#names.add(tablespace);
      return true;
    }
    // What is made belongs to the role that restores, then; whose anything is, is not compared.
    if (cursor.skip('SET', 'SESSION', 'AUTHORIZATION')) return true;
    // Its tables are made as this server makes them.
    if (cursor.skip('SET', 'DEFAULT_TABLE_ACCESS_METHOD', '=')) {
      const method = cursor.identifier() ?? 'heap';
      return method !== 'heap' && (this.#lacksExtension || this.#names.has(method));
    }
    const loads = cursor.skip('COPY') || cursor.skip('INSERT', 'INTO');
    return loads && this.#tables.has(keyOf(cursor.qualifiedName() ?? ''));
  }

  /** Whether a refusal says no more than that the sandbox is one. */
  goesOnWithout({ cause, line }: StatementError, tokens: readonly string[]): boolean {
    const { code = '', message = '' } = (cause ?? {}) as { code?: string; message?: string };
    if (code === '42501' && needsSuperuser(tokens)) {
      this.#add(tokens, line, 'needs a superuser');
      return true;
    }
    // pg_dump -n public: there is one in every database from the beginning.
    if (code === '42P06' && new TokenCursor(tokens).skip('CREATE', 'SCHEMA', 'PUBLIC')) return true;
    if (this.#statements === 0 || !absent.includes(code)) return false;
    if (!this.#lacksExtension && !this.#isNamedIn(message)) return false;
    // Whose it is and what is said of it goes with what it is.
    if (!isAside(tokens)) this.#add(tokens, line, 'needs what was left out before');
    return true;
  }

  /** What of a dump has to have come back. */
  without(inventory: Inventory): Inventory {
    const left = this.#contents.inventory();
    const tables = new Set(left.tables);
    const ofTable = (name: string) => tables.has(name.slice(0, name.lastIndexOf('.')));
    const rows = Object.entries(inventory.rows).filter(([table]) => !this.#tables.has(keyOf(table)));
    const rest = (
      kind: 'indexes' | 'sequences' | 'extensions' | 'types' | 'functions' | 'views' | 'tables',
    ) => withoutEach(inventory[kind], left[kind]);
    return {
      ...inventory,
      rows: Object.fromEntries(rows),
      tables: rest('tables'),
      indexes: rest('indexes'),
      constraints: withoutEach(inventory.constraints, left.constraints).filter((name) => !ofTable(name)),
      triggers: withoutEach(inventory.triggers, left.triggers).filter((name) => !ofTable(name)),
      sequences: rest('sequences'),
      extensions: rest('extensions'),
      types: rest('types'),
      functions: rest('functions'),
      views: rest('views'),
    };
  }

  #add(tokens: readonly string[], line: number, why: string): void {
    this.#statements += 1;
    if (this.#first.length < firstOnes) this.#first.push({ line, what: wordsOf(tokens), why });
    this.#contents.read(tokens, 0);
    const made = madeBy(tokens);
    if (made === undefined) return;
    this.#names.add(splitName(made.name).at(-1) ?? made.name);
    if (made.kind === 'TABLE') this.#tables.add(keyOf(made.name));
    this.#lacksExtension ||= made.kind === 'EXTENSION';
  }

  #isNamedIn(message: string): boolean {
    const words = new Set(message.match(/[\p{L}\p{N}_$]+/gu) ?? []);
    return [...this.#names].some((name) => words.has(name) || message.includes(`"${name}"`));
  }
}

function isAside(tokens: readonly string[]): boolean {
  const cursor = new TokenCursor(tokens);
  return ['COMMENT', 'GRANT', 'REVOKE', 'SECURITY'].includes(cursor.peek()) || cursor.seek('OWNER', 'TO');
}

function needsSuperuser(tokens: readonly string[]): boolean {
  const cursor = new TokenCursor(tokens);
  const verb = cursor.next();
  // GRANT without ON lends a role: that stands in no dump of a database.
  if (verb === 'GRANT' || verb === 'REVOKE') return cursor.seek('ON');
  cursor.skipAny(modifiers);
  return superuserOnly.get(verb)?.has(cursor.peek()) ?? false;
}

/** What a statement makes: others cannot be without it. */
function madeBy(tokens: readonly string[]): { readonly kind: string; readonly name: string } | undefined {
  const cursor = new TokenCursor(tokens);
  if (cursor.next() !== 'CREATE') return undefined;
  cursor.skipAny(modifiers);
  const kind = cursor.next();
  const isTable = kind === 'TABLE' || (kind === 'FOREIGN' && cursor.peek() === 'TABLE');
  cursor.skipAny(kindWords);
  const name = cursor.qualifiedName();
  return name === undefined ? undefined : { kind: isTable ? 'TABLE' : kind, name };
}

function wordsOf(tokens: readonly string[]): string {
  const end = tokens.indexOf('(');
  const shown = tokens
    .slice(0, end < 0 ? shownWords : Math.min(end, shownWords))
    .join(' ')
    .replaceAll(' . ', '.');
  return Buffer.from(shown, 'latin1').toString('utf8');
}

function keyOf(table: string): string {
  return JSON.stringify(splitName(table));
}

/** Names of a list, each taken away as often as the other has it. */
function withoutEach(names: readonly string[], gone: readonly string[]): string[] {
  const left = [...gone];
  return names.filter((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
