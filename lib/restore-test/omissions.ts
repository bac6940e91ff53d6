// What a restore test leaves out of a dump because its sandbox cannot do it, not because the archive lacks it: what only a
// superuser may do, what needs a tablespace of its own, and what cannot be without either. It is named in the report, and all
// the rest is compared.

import { objectKinds, splitName, without } from '../archive/comparison.ts';
import type { Inventory } from '../archive/inventory.ts';
import type { StatementError } from '../postgres/statement-error.ts';
import type { RestoreReport } from '../report/report.ts';
import { tableKey } from '../restore/plan.ts';
import { DumpContents } from '../sql/contents.ts';
import { TokenCursor } from '../sql/token-cursor.ts';

type Omission = NonNullable<RestoreReport['skipped']>['first'][number];

/** More of them fill a mail and say nothing more. */
const firstOnes = 100;
const shownWords = 8;

/** What the owner of a database makes by himself: it is never left out, nor are the rows in it. */
const ownersMake = new Set(
  'CONSTRAINT DOMAIN INDEX POLICY RULE SCHEMA SEQUENCE STATISTICS TABLE TRIGGER VIEW'.split(' '),
);
/** What a whole server has: a dump of one database that speaks of it was not written by pg_dump. */
const serversHave = new Set('DATABASE GROUP ROLE SYSTEM TABLESPACE USER'.split(' '));

/** Something that a statement names is not there. @see https://www.postgresql.org/docs/16/errcodes-appendix.html */
const absent: readonly string[] = ['42704', '42883', '42P01', '3F000', '42809', '42846'];

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
  /** How a server speaks of things without a name. */
  readonly #said: string[] = [];
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
    return loads && this.#tables.has(tableKey(cursor.qualifiedName() ?? ''));
  }

  /** Whether a refusal says no more than that the sandbox is one. */
  goesOnWithout({ cause, line }: StatementError, tokens: readonly string[]): boolean {
    const { code = '', message = '' } = (cause ?? {}) as { code?: string; message?: string };
    if (needsSuperuser(code, message, tokens)) {
      this.#add(tokens, line, 'needs a superuser');
      return true;
    }
    // Of SELinux, or of an extension that the server has preloaded.
    if (code === '22023' && new TokenCursor(tokens).skip('SECURITY', 'LABEL')) {
      this.#add(tokens, line, 'needs a provider of security labels');
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
    const rows = Object.entries(inventory.rows).filter(([table]) => !this.#tables.has(tableKey(table)));
    const objects = objectKinds.map((kind) => {
      const names = without(inventory[kind], left[kind]);
      const isOnTable = kind === 'constraints' || kind === 'triggers';
      return [kind, isOnTable ? names.filter((name) => !ofTable(name)) : names];
    });
    return { ...inventory, rows: Object.fromEntries(rows), ...Object.fromEntries(objects) };
  }

  #add(tokens: readonly string[], line: number, why: string): void {
    this.#statements += 1;
    if (this.#first.length < firstOnes) this.#first.push({ line, what: wordsOf(tokens), why });
    this.#contents.read(tokens, 0);
    const made = madeBy(tokens);
    if (made === undefined) return;
    this.#names.add(splitName(made.name).at(-1) ?? made.name);
    if (made.said !== undefined) this.#said.push(made.said);
    if (made.kind === 'TABLE') this.#tables.add(tableKey(made.name));
    this.#lacksExtension ||= made.kind === 'EXTENSION';
  }

  #isNamedIn(message: string): boolean {
    const words = new Set(message.match(/[\p{L}\p{N}_$]+/gu) ?? []);
    return (
      this.#said.some((said) => message.includes(said)) ||
      [...this.#names].some((name) => words.has(name) || message.includes(`"${name}"`))
    );
  }
}

function isAside(tokens: readonly string[]): boolean {
  const cursor = new TokenCursor(tokens);
  return ['COMMENT', 'GRANT', 'REVOKE', 'SECURITY'].includes(cursor.peek()) || cursor.seek('OWNER', 'TO');
}

/**
 * Whether the server says that a superuser could: of whatever pg_dump writes, but for what an owner makes by himself. Known
 * by what is not left out, for nobody can list what is.
 */
function needsSuperuser(code: string, message: string, tokens: readonly string[]): boolean {
  // For a superuser alone it may be, and that is not told by a code.
  if (code === '42P13') return /aggregate transition data type cannot be internal/.test(message);
  if (code !== '42501') return false;
  const cursor = new TokenCursor(tokens);
  const verb = cursor.next();
  // GRANT without ON lends a role: that stands in no dump of a database.
  if (verb === 'GRANT' || verb === 'REVOKE') return cursor.seek('ON');
  if (verb === 'REFRESH' || verb === 'SECURITY') return true;
  if (verb === 'COMMENT') return cursor.peek() === 'ON';
  if (verb !== 'CREATE' && verb !== 'ALTER') return false;
  cursor.skipAny(modifiers);
  if (cursor.skip('USER', 'MAPPING')) return true;
  return !ownersMake.has(cursor.peek()) && !serversHave.has(cursor.peek());
}

type Made = {
  readonly kind: string;
  /** As the dump has it. */
  readonly name: string;
  /** How else a server speaks of what others miss. */
  readonly said?: string | undefined;
};

/** What a statement makes: others cannot be without it. */
function madeBy(tokens: readonly string[]): Made | undefined {
  const cursor = new TokenCursor(tokens);
  if (cursor.next() !== 'CREATE') return undefined;
  cursor.skipAny(modifiers);
  const kind = cursor.next();
  if (kind === 'CAST') return madeCast(cursor);
  const isTable = kind === 'TABLE' || (kind === 'FOREIGN' && cursor.peek() === 'TABLE');
  const isClass = kind === 'OPERATOR' && cursor.peek() === 'CLASS';
  const isOperator = kind === 'OPERATOR' && !isClass && cursor.peek() !== 'FAMILY';
  cursor.skipAny(kindWords);
  const name = isOperator ? operatorName(cursor) : cursor.qualifiedName();
  if (name === undefined) return undefined;
  const type = isClass && cursor.seek('FOR', 'TYPE') ? cursor.qualifiedName() : undefined;
  if (isOperator) return { kind, name, said: ` ${name} ` };
  const said = type === undefined ? undefined : `data type ${type} has no default operator class`;
  return { kind: isTable ? 'TABLE' : kind, name, said };
}

function madeCast(cursor: TokenCursor): Made | undefined {
  const from = cursor.skip('(') ? cursor.qualifiedName() : undefined;
  const to = cursor.skip('AS') ? cursor.qualifiedName() : undefined;
  if (from === undefined || to === undefined) return undefined;
  return { kind: 'CAST', name: `${from} AS ${to}`, said: `cannot cast type ${from} to ${to}` };
}

/** With its schema, as a server writes it. */
function operatorName(cursor: TokenCursor): string {
  let name = '';
  while (!cursor.done && cursor.peek() !== '(') name += cursor.next().toLowerCase();
  return name;
}

function wordsOf(tokens: readonly string[]): string {
  const isCast = tokens[1]?.toUpperCase() === 'CAST';
  const end = isCast ? tokens.indexOf(')') + 1 : tokens.indexOf('(');
  const most = isCast ? tokens.length : shownWords;
  const shown = tokens
    .slice(0, end < 1 ? most : Math.min(end, most))
    .join(' ')
    .replaceAll(/ ([.)]) ?|(\() /g, '$1$2');
  return Buffer.from(shown, 'latin1').toString('utf8');
}
