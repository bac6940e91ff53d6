// How a statement of a dump may be run: in its place among all others, or beside those that it has nothing to do with.
// Only what pg_dump writes after the data is ever moved, and only past statements on other tables: the result is that
// of running the dump from its beginning to its end.

import { splitName } from '../archive/comparison.ts';
import { TokenCursor } from '../sql/token-cursor.ts';

/** A table that a statement reads (`shared`) or changes (`exclusive`). */
export type Claim = { readonly table: string; readonly how: 'shared' | 'exclusive' };

export type Plan =
  /** Holds for all that follows, in every session. */
  | { readonly how: 'setting' }
  /** An index, a key or a trigger: may be run beside statements whose claims do not conflict. */
  | Build
  /** After everything before it and before everything after it. */
  | { readonly how: 'ordered' };

export type Build = {
  readonly how: 'build';
  readonly claims: readonly Claim[];
  readonly method: string;
  /** As the dump writes it. */
  readonly name: string;
};

/** Whether a statement is left out; by its first tokens. */
export type LeavesOut = (tokens: readonly string[]) => boolean;

const ordered: Plan = { how: 'ordered' };

/**
 * Leaves out what `pg_dump --clean` drops before it makes anything: of that a fresh database has no more than its schema and its
 * language, which the dump makes again. `-n public` makes that schema without dropping it.
 */
export function withoutFirstDrops(): LeavesOut {
  let isBefore = true;
  let hasPublic = true;
  return (tokens) => {
    const cursor = new TokenCursor(tokens);
    const verb = cursor.peek();
    if (isBefore && isEmptyView(tokens)) return true;
    if (verb === 'CREATE' || verb === 'COPY' || verb === 'INSERT') isBefore = false;
    if (hasPublic && cursor.skip('CREATE', 'SCHEMA') && cursor.identifier() === 'public' && cursor.done)
      return true;
    if (!isBefore) return false;
    if (cursor.skip('SELECT', 'PG_CATALOG', '.', 'LO_UNLINK')) return true;
    if (verb === 'ALTER') return cursor.seek('DROP');
    if (!cursor.skip('DROP')) return false;
    const kind = cursor.next();
    cursor.skip('IF', 'EXISTS');
    const kept = `${kind} ${cursor.identifier()}`;
    if (kept === 'SCHEMA public') hasPublic = false;
    return !['SCHEMA public', 'EXTENSION plpgsql'].includes(kept);
  };
}

/** What `--clean` makes of a view among the drops, so that it no longer stands in the way of a key that it counts on. */
function isEmptyView(tokens: readonly string[]): boolean {
  const cursor = new TokenCursor(tokens);
  return (
    cursor.skip('CREATE', 'OR', 'REPLACE', 'VIEW') && cursor.seek('AS') && cursor.skip('SELECT', 'NULL', '::')
  );
}

/** What a newer pg_dump sets for its own session's comfort: on a server that does not know it, nothing is lost without it. */
const dispensableSettings = [
  'transaction_timeout',
  'idle_in_transaction_session_timeout',
  'default_table_access_method',
  'row_security',
];

/** Asks a server which of the settings that a dump can do without it knows. */
export const knownSettingsSql = `SELECT name FROM pg_settings WHERE name IN (${dispensableSettings.map((name) => `'${name}'`).join(', ')})`;

/** Those that it does not know. @param rows - The answer to {@link knownSettingsSql}. */
export function unknownSettings(rows: readonly (readonly (string | null)[])[]): ReadonlySet<string> {
  const known = new Set(rows.map(([name]) => name));
  return new Set(dispensableSettings.filter((name) => !known.has(name)));
}

/** Whether a statement does nothing but set one of these. */
export function setsOneOf(tokens: readonly string[], names: ReadonlySet<string>): boolean {
  const [verb = '', name = '', is = ''] = tokens;
  return (
    verb.toUpperCase() === 'SET' && names.has(name.toLowerCase()) && ['=', 'TO'].includes(is.toUpperCase())
  );
}

/**
 * Plans a statement.
 *
 * @param tokens - Its first tokens.
 * @remarks What is not known in every word is ordered.
 */
export function planStatement(tokens: readonly string[]): Plan {
  const cursor = new TokenCursor(tokens);
  if (cursor.skip('SET')) {
    if (cursor.skip('NAMES') || cursor.skip('TIME', 'ZONE')) return { how: 'setting' };
    cursor.skip('SESSION');
    // SET LOCAL, SET SESSION AUTHORIZATION, SET ROLE, SET CONSTRAINTS mean other things.
    return /^[a-z_]+$/i.test(cursor.peek()) && ['=', 'TO'].includes(cursor.peek(1))
      ? { how: 'setting' }
      : ordered;
  }
  if (cursor.skip('SELECT', 'PG_CATALOG', '.', 'SET_CONFIG', '(') || cursor.skip('SELECT', 'SET_CONFIG', '('))
    return { how: 'setting' };
  if (cursor.skip('CREATE')) return planCreate(cursor);
  if (cursor.skip('ALTER', 'TABLE', 'ONLY')) return planConstraint(cursor);
  return ordered;
}

/**
 * What a server takes in a transaction with others just as by itself. DO and CALL may commit; REFRESH is long, and nothing is
 * gained; SET changes how what follows is read.
 */
const joining = new Set(['CREATE', 'ALTER', 'COMMENT', 'GRANT', 'REVOKE', 'SELECT', 'INSERT']);

/** Whether a statement that is run in its place may be sent with others like it. */
export function joinsOthers(tokens: readonly string[]): boolean {
  return joining.has(tokens[0]?.toUpperCase() ?? '');
}

export function inTransactionAfter([verb = '']: readonly string[], isOpen: boolean): boolean {
  if (/^(?:BEGIN|START)$/i.test(verb)) return true;
  return isOpen && !/^(?:COMMIT|END|ROLLBACK|ABORT)$/i.test(verb);
}

/** Names a table in one way, however a dump quotes it. */
export function tableKey(name: string): string {
  return JSON.stringify(splitName(name));
}

function planCreate(cursor: TokenCursor): Plan {
  cursor.skip('UNIQUE');
  if (cursor.skip('INDEX')) {
    // ON ONLY: the index of a partitioned table, which others are attached to.
    const name = cursor.qualifiedName();
    if (name === undefined || !cursor.skip('ON') || cursor.peek() === 'ONLY') return ordered;
    const table = cursor.qualifiedName();
    if (table === undefined || !cursor.skip('USING')) return ordered;
    const method = cursor.next().toLowerCase();
    return { how: 'build', claims: [{ table: tableKey(table), how: 'shared' }], method, name };
  }
  const name = cursor.skip('TRIGGER') ? cursor.identifier() : undefined;
  if (name === undefined || !cursor.seek('ON')) return ordered;
  const table = cursor.qualifiedName();
  // FROM another table: a constraint trigger's, which is CREATE CONSTRAINT TRIGGER and so not here.
  return table === undefined
    ? ordered
    : { how: 'build', claims: [exclusive(table)], method: 'trigger', name };
}

function planConstraint(cursor: TokenCursor): Plan {
  const table = cursor.qualifiedName();
  const name = table !== undefined && cursor.skip('ADD', 'CONSTRAINT') ? cursor.identifier() : undefined;
  if (table === undefined || name === undefined) return ordered;
  if (cursor.skip('PRIMARY', 'KEY') || cursor.skip('UNIQUE'))
    return { how: 'build', claims: [exclusive(table)], method: 'key', name };
  if (!cursor.skip('FOREIGN', 'KEY') || !cursor.seek('REFERENCES')) return ordered;
  const referenced = cursor.qualifiedName();
  if (referenced === undefined) return ordered;
  const claims = [exclusive(table), exclusive(referenced)];
  return { how: 'build', claims, method: 'foreign key', name };
}

function exclusive(table: string): Claim {
  return { table: tableKey(table), how: 'exclusive' };
}
