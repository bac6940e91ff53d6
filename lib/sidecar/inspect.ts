// What a SQLite file holds, and whether SQLite finds it whole.

import { open } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import type { SidecarContents } from './manifest.ts';

/** Every SQLite database begins so. @see https://www.sqlite.org/fileformat.html */
export const sqliteMagic = 'SQLite format 3\0';

/** More of them say nothing more. */
const faultsShown = 5;

export type Inspection = {
  readonly contents: SidecarContents;
  /** What `PRAGMA integrity_check` finds; nothing of one that is whole. */
  readonly faults: readonly string[];
};

/** Looks at a file that nobody else has open. @throws What SQLite says of one that it cannot read at all. */
export function inspect(path: string): Inspection {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const number = (pragma: string) =>
      Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
    const found = database.prepare(`PRAGMA integrity_check(${faultsShown})`).all();
    const faults = found.map((row) => String(row.integrity_check)).filter((fault) => fault !== 'ok');
    return {
      contents: {
        pageBytes: number('page_size'),
        pages: number('page_count'),
        userVersion: number('user_version'),
        applicationId: number('application_id'),
        rows: rowsOf(database),
        danglingRows: Number(database.prepare('SELECT count(*) AS n FROM pragma_foreign_key_check').get()?.n),
      },
      faults,
    };
  } finally {
    database.close();
  }
}

/** Virtual tables need modules, which may not be here; what they keep lies in tables. */
function rowsOf(database: DatabaseSync): Record<string, number> {
  const tables = database
    .prepare(
      `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') AND name <> 'sqlite_schema'
       ORDER BY name`,
    )
    .all()
    .map(({ name }) => String(name));
  const count = (table: string) =>
    Number(database.prepare(`SELECT count(*) AS n FROM "${table.replaceAll('"', '""')}"`).get()?.n);
  return Object.fromEntries(tables.map((table) => [table, count(table)]));
}

/** @returns Whether a file begins as a SQLite database does. */
export async function beginsAsSqlite(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(sqliteMagic.length), 0, sqliteMagic.length, 0);
  return bytesRead === sqliteMagic.length && buffer.toString('latin1') === sqliteMagic;
}
