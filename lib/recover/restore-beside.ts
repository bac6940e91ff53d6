// Restores beside what is there and lets the two change places in one transaction: whatever fails, what was there stays.

import { openArchive } from '../archive/open-archive.ts';
import type { Connection } from '../postgres/connection.ts';
import { query, quoteIdentifier, quoteLiteral } from '../postgres/programs.ts';
import { inflateArchive } from '../restore/archive-bytes.ts';
import { restore } from '../restore/restore.ts';
import type { ArchiveStore } from '../store/store.ts';
import type { Prepared } from './prepare.ts';

type Options = {
  readonly store: ArchiveStore;
  readonly archive: NonNullable<Prepared['archive']>;
  readonly connection: Connection;
  readonly database: string;
  readonly warn: (sentence: string) => void;
  readonly signal: AbortSignal;
};

/** @param isEmpty - Whether the database that is there, if there is one, has nothing in it. */
export async function restoreBeside(options: Options, isEmpty: boolean): Promise<void> {
  const { store, archive, connection, database, warn, signal } = options;
  const { selection, manifest } = archive;
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_');
  const [beside, before] = [`${database}_restore_${time}`, `${database}_before_${time}`].map(quoteIdentifier);
  const { body } = await openArchive(store, selection.id, manifest);
  await restore({
    connection,
    database: `${database}_restore_${time}`,
    dump: inflateArchive(body, manifest, { signal }).dump,
    source: manifest.database,
    roles: selection.entry.inventory?.roles,
    createRoles: true,
    warn,
    signal,
  });
  const place = { database: 'postgres' };
  const sql = `SELECT 1 FROM pg_database WHERE datname = ${quoteLiteral(database)}`;
  const isThere = (await query(connection, sql, place)).length > 0;
  const [own] = [database].map(quoteIdentifier);
  const renames = [
    isThere ? `ALTER DATABASE ${own} RENAME TO ${before};` : '',
    `ALTER DATABASE ${beside} RENAME TO ${own};`,
  ];
  await query(connection, `BEGIN;\n${renames.join('\n')}\nCOMMIT;`, place);
  if (isThere && isEmpty) await query(connection, `DROP DATABASE ${before}`, place);
}
