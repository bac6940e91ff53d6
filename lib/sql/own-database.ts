// What pg_dump -C writes of the database as a whole. A restore makes the database itself, under another name as a rule: so
// these statements are left out, and a live database of the dump's name is not touched.

import { canonicalIdentifier, TokenCursor } from './token-cursor.ts';

/** @returns The database that a statement creates, drops, alters, comments on, grants rights on or sets a role's settings in; `undefined` for any other. */
export function databaseOf(tokens: readonly string[]): string | undefined {
  const cursor = new TokenCursor(tokens);
  switch (cursor.next()) {
    case 'CREATE':
    case 'ALTER':
      if (cursor.skip('ROLE')) return cursor.seek('IN', 'DATABASE') ? cursor.identifier() : undefined;
      return cursor.skip('DATABASE') ? cursor.identifier() : undefined;
    case 'DROP':
      if (!cursor.skip('DATABASE')) return undefined;
      cursor.skip('IF', 'EXISTS');
      return cursor.identifier();
    case 'COMMENT':
      return cursor.skip('ON', 'DATABASE') ? cursor.identifier() : undefined;
    case 'SECURITY':
    case 'GRANT':
    case 'REVOKE':
      return cursor.seek('ON', 'DATABASE') ? cursor.identifier() : undefined;
    default:
      return undefined;
  }
}

/** What `-C --clean` of a template writes before it drops it: the name stands in a string, and the list is the server's. */
export function changesListOfDatabases(tokens: readonly string[]): boolean {
  return new TokenCursor(tokens).skip('UPDATE', 'PG_CATALOG', '.', 'PG_DATABASE');
}

/**
 * Whether a `\connect` goes to a database, in one of the two forms that pg_dump gives it, or is the `\encoding` before one: so the
 * database's name goes to the server as it is.
 *
 * @param database - As {@link databaseOf} gives it.
 */
export function connectsTo(line: string, database: string): boolean {
  if (/^\\encoding SQL_ASCII\s*$/.test(line)) return true;
  const target = /^\\connect (?<target>.+?)\s*$/.exec(line)?.groups?.target ?? '';
  if (canonicalIdentifier(target) === database) return true;
  // A name that needs it stands in a connection string, which escapes it in turn.
  const inString = /^-reuse-previous=on "dbname='(?<name>.*)'"$/.exec(target)?.groups?.name;
  return inString?.replace(/\\(.)/g, '$1').replaceAll('""', '"') === unquoted(database);
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** Quoted text, and the database that a statement is about. */
const nameInStatement = /"(?:[^"]|"")*"|'(?:[^']|'')*'|(\bDATABASE\s+)("(?:[^"]|"")+"|[^\s;"]+)/gi;

/**
 * A statement about the dump's database, about another one.
 *
 * @param statement - One that {@link databaseOf} knows.
 * @param name - As SQL has it.
 */
export function renamedDatabase(statement: Buffer, name: string): Buffer {
  let isDone = false;
  const renamed = statement.toString('latin1').replace(nameInStatement, (all, before?: string) => {
    if (before === undefined || isDone) return all;
    isDone = true;
    return before + Buffer.from(name).toString('latin1');
  });
  return Buffer.from(renamed, 'latin1');
}
