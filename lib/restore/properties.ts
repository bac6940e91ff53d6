// Gives a restored database what its source had set, granted and noted on itself: as the agent was told, and as pg_dump
// --create wrote it. What this server or role does not take is told, and the rest goes on.

import type { SourceDatabase } from '../archive/source-database.ts';
import { asciiIdentifier, quoteIdentifier, quoteLiteral } from '../postgres/programs.ts';
import { renamedDatabase } from '../sql/own-database.ts';
import { refusalOf, serverWords } from './create-database.ts';
import { markSql } from './mark.ts';
import { describeMaking } from './new-database.ts';
import { isComment, isGrant, sayTaken } from './replaced.ts';
import type { Run } from './server.ts';

export type PropertiesOptions = {
  readonly database: string;
  readonly owner: string;
  readonly source?: SourceDatabase | undefined;
  /** Whether that is what the replaced one had, and the dump may say otherwise. */
  readonly isTaken?: boolean;
  /** Statements of the dump about its database as a whole. */
  readonly leftOut: readonly Buffer[];
  /** The dump's. */
  readonly encoding?: string | undefined;
  /** From beside. */
  readonly run: Run;
  readonly runInside: (sql: string) => Promise<unknown>;
  readonly warn: (sentence: string) => void;
};

type Group = { readonly statements: readonly string[]; readonly run: (sql: string) => Promise<unknown> };

/** Settings and grants. */
export function giveProperties(options: PropertiesOptions): Promise<void> {
  const { source, isTaken, warn } = options;
  if (isTaken && source !== undefined) sayTaken(source, statementsOf(options), warn);
  return runGroups(groupsOf(options), options.warn);
}

/** The comment, last of all: until then the database bears a mark in its place. */
export async function giveComment(options: PropertiesOptions): Promise<void> {
  const { database, source, run, runInside, warn } = options;
  const sql = markSql(database, undefined, source?.comment);
  // Text lies in the bytes of its database's own encoding; of these, all have the same.
  await (/^[ -~]*$/.test(sql) ? run(sql) : runInside(sql));
  const statements = statementsOf(options).filter((sql) => isComment.test(sql));
  await runGroups([{ statements, run: (sql) => runInside(inItsEncoding(sql, options)) }], warn);
}

async function runGroups(groups: readonly Group[], warn: (sentence: string) => void): Promise<void> {
  for (const { statements, run } of groups) {
    if (statements.length === 0) continue;
    const together = await refusalOf(run(statements.join(';\n')));
    if (together === undefined) continue;
    for (const sql of statements) {
      const error = await refusalOf(run(sql));
      if (error === undefined) continue;
      const said = `${sql.trim()}: ${serverWords(error)}`;
      warn(`this server did not take what the database had of its own: ${said}`);
    }
  }
}

/** Grants and the limit of sessions come last, and from beside: whoever is on the way may enter the database no more. */
function groupsOf(options: PropertiesOptions): Group[] {
  const { database, owner, source, run, runInside } = options;
  const ofDump = statementsOf(options);
  const granting = ofDump.filter((sql) => isGrant.test(sql));
  return [
    // What is set for a database lies in the bytes of its own encoding.
    { statements: source === undefined ? [] : settingsSql(source, database), run: runInside },
    {
      statements: ofDump.filter((sql) => !isGrant.test(sql) && !isComment.test(sql)),
      run: (sql) => runInside(inItsEncoding(sql, options)),
    },
    {
      statements: source === undefined || granting.length > 0 ? [] : grantsSql(source, database, owner),
      run,
    },
    { statements: granting, run: (sql) => run(inItsEncoding(sql, options)) },
    { statements: source === undefined ? [] : limitSql(source, database), run },
  ];
}

/** Of a database that was dropped for one that is not whole. @param warn - Told what to give to the one that comes. */
export function warnOfLost(source: SourceDatabase, warn: (sentence: string) => void): void {
  const { name, owner, comment } = source;
  const statements = [
    ...settingsSql(source, name),
    ...grantsSql(source, name, owner),
    ...limitSql(source, name),
    ...(comment === undefined ? [] : [markSql(name, undefined, comment)]),
  ];
  const more =
    statements.length === 0 ? '' : `; for the ${name} to come, once it is back: ${statements.join('; ')}`;
  warn(`what ${name} had of its own went with it (${describeMaking(source)}; owner ${owner})${more}`);
}

function limitSql({ connectionLimit }: SourceDatabase, database: string): string[] {
  if (connectionLimit === undefined) return [];
  return [`ALTER DATABASE ${quoteIdentifier(database)} CONNECTION LIMIT ${connectionLimit}`];
}

/** What the dump says of its database, without what makes it, for the new one; a character is a byte. */
function statementsOf({ leftOut, database }: PropertiesOptions): string[] {
  const making =
    /^(?:(?:CREATE|DROP) DATABASE|UPDATE)\b|^\\(?:connect|encoding)\b|^ALTER DATABASE .* OWNER TO [^;]*;$/is;
  return leftOut
    .filter((statement) => !making.test(statement.toString('latin1')))
    .map((statement) =>
      renamedDatabase(statement, asciiIdentifier(database)).toString('latin1').replace(/;\s*$/, ''),
    );
}

/** Bytes of the dump for a session that speaks UTF-8: the server knows more encodings than anybody here. */
function inItsEncoding(sql: string, { encoding = 'UTF8' }: PropertiesOptions): string {
  const hex = Buffer.from(sql, 'latin1').toString('hex');
  return `DO $$ BEGIN EXECUTE convert_from(decode('${hex}', 'hex'), '${encoding}'); END $$`;
}

/** Settings whose value is a list of names, which are quoted one by one. @see src/fe_utils variable_is_guc_list_quote */
const lists = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

function settingsSql({ settings }: SourceDatabase, database: string): string[] {
  const name = quoteIdentifier(database);
  return settings.map(({ role, name: setting, value }) => {
    const of = role === undefined ? `DATABASE ${name}` : `ROLE ${quoteIdentifier(role)} IN DATABASE ${name}`;
    return `ALTER ${of} SET ${quoteIdentifier(setting)} TO ${settingValue(setting, value)}`;
  });
}

function settingValue(setting: string, value: string): string {
  if (!lists.has(setting.toLowerCase())) return quoteLiteral(value);
  const names = [...value.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,"\s]+))\s*(?:,|$)/g)];
  const quoted = names.map(([, inQuotes, bare = '']) =>
    quoteLiteral(inQuotes === undefined ? bare : inQuotes.replaceAll('""', '"')),
  );
  return quoted.length === 0 ? "''" : quoted.join(', ');
}

function grantsSql(known: SourceDatabase, database: string, owner: string): string[] {
  const name = quoteIdentifier(database);
  if (known.grants === undefined) return [];
  const revoked = ['PUBLIC', quoteIdentifier(owner)].map(
    (who) => `REVOKE ALL ON DATABASE ${name} FROM ${who}`,
  );
  const granted = known.grants.map(({ grantee, privilege, grantable }) => {
    // What the owner may, the new one may.
    const role = grantee === known.owner ? owner : grantee;
    const who = role === undefined ? 'PUBLIC' : quoteIdentifier(role);
    return `GRANT ${privilege} ON DATABASE ${name} TO ${who}${grantable ? ' WITH GRANT OPTION' : ''}`;
  });
  return [...revoked, ...granted];
}
