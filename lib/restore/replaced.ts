// A dump without --create that comes without a manifest says nothing of its database as a whole. Then the one that it replaces does:
// what was set and granted there, somebody counts on.

import { parseSourceDatabase, type SourceDatabase, sourceDatabaseSql } from '../archive/source-database.ts';
import { quoteLiteral } from '../postgres/programs.ts';
import type { DumpHead } from './dump-head.ts';
import type { Run } from './server.ts';

export type Replaced = SourceDatabase & {
  /** Nobody has made anything in it: who owns it was hardly chosen. */
  readonly isEmpty: boolean;
};

/** @returns Nothing where it is not there, or a newer server says of it what this version does not understand. */
export async function lookAtReplaced(
  run: Run,
  database: string,
  isEmpty: boolean,
): Promise<Replaced | undefined> {
  // What is set for a database lies in the bytes of its own encoding; but a damaged one lets nobody in.
  const fromBeside = sourceDatabaseSql.replace('current_database()', quoteLiteral(database));
  const rows = await run(sourceDatabaseSql, database).catch(() => run(fromBeside).catch(() => []));
  const properties = parseSourceDatabase(rows[0]?.[0] ?? '');
  return properties && { ...properties, isEmpty };
}

/** What the restored one gets. @param warn - Told of what nobody asked for. */
export function takenFrom(
  { isEmpty, ...replaced }: Replaced,
  { creation, databaseOwner, owners: [owner = replaced.owner] }: DumpHead,
  warn: (sentence: string) => void,
): SourceDatabase {
  const others = databaseOwner ?? (isEmpty ? owner : replaced.owner);
  const { name, settings, grants, comment, connectionLimit, tablespace } = replaced;
  if (creation !== undefined) {
    if (databaseOwner === undefined && !isEmpty) warn(taking(name, [`its owner ${others}`]));
    // Of these it may say something at its end: see sayTaken.
    return { ...replaced, owner: others, settings: [], connectionLimit: undefined };
  }
  const taken = {
    [`its owner ${replaced.owner}`]: !isEmpty && owner !== replaced.owner,
    'its settings': settings.length > 0,
    'its grants': grants !== undefined,
    'its comment': comment !== undefined,
    'its limit of connections': connectionLimit !== undefined,
    'its tablespace': tablespace !== undefined,
  };
  const words = Object.entries(taken).flatMap(([what, is]) => (is ? what : []));
  if (words.length > 0) warn(taking(name, words));
  return { ...replaced, owner: others };
}

/** Whether a dump with --create was written with --no-acl or --no-comments shows when it has been read. */
export function sayTaken(
  { name, grants, comment }: SourceDatabase,
  ofDump: readonly string[],
  warn: (sentence: string) => void,
): void {
  const silentOf = (words: RegExp) => !ofDump.some((sql) => words.test(sql));
  const words = [
    grants !== undefined && silentOf(isGrant) && 'its grants',
    comment !== undefined && silentOf(isComment) && 'its comment',
  ].filter((word) => word !== false);
  if (words.length > 0) warn(taking(name, words));
}

export const isGrant = /^(?:GRANT|REVOKE)\b/i;
export const isComment = /^COMMENT\b/i;

function taking(name: string, words: readonly string[]): string {
  return `the dump does not say what its database had of its own: it gets that of the ${name} that is there (${words.join(', ')})`;
}
