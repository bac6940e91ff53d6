// What a logical dump holds, as found by scanning it: the ground truth that a restored database is compared with.

import * as z from 'zod';

const names = z.array(z.string());

/** Why a dump cannot be restored, and what to do so that the next one can. */
export const refusalSchema = z.object({ found: z.string(), remedy: z.string() });

export const inventorySchema = z.object({
  /** Rows per table, by qualified name as pg_dump writes it (`public.torrents`), from COPY blocks and INSERTs. */
  rows: z.record(z.string(), z.number().int().nonnegative()),
  /** Tables created, with or without data. */
  tables: names,
  largeObjects: z.number().int().nonnegative(),
  /** Indexes made by CREATE INDEX; those behind constraints are listed under `constraints`. */
  indexes: names,
  /** `<table>.<constraint>`: primary, unique, foreign keys, exclusions and named checks. */
  constraints: names,
  /** `<table>.<trigger>` */
  triggers: names,
  sequences: names,
  extensions: names,
  types: names,
  functions: names,
  views: names,
  /** Roles that the dump names as owners or grantees; a restore needs them. */
  roles: names,
  /** Objects of kinds that are not compared after a restore, by kind: `schemas`, `policies` … Older verdicts lack them. */
  further: z.record(z.string(), names).optional(),
  /** Names that tables, keys, indexes and triggers need, and that nothing before them makes. Older verdicts lack them. */
  needs: names.optional(),
  /** From the dump's own header; `undefined` when it has none. */
  serverVersion: z.string().optional(),
  pgDumpVersion: z.string().optional(),
  /**
   * `end`: the end marker is there and nothing but comments, blank lines and `\unrestrict` follow it.
   * `absent`: there is none outside of data: the dump was cut. `followed`: more statements follow it.
   */
  endMarker: z.enum(['end', 'absent', 'followed']),
  /** The first thing in it that no restore takes; older verdicts did not look for it. */
  refused: refusalSchema.optional(),
});

export type Inventory = z.infer<typeof inventorySchema>;

const pairs = z.array(z.tuple([z.string(), z.string()]));

/** What foreign keys and views count on. */
const referencesSchema = z.strictObject({
  /** Foreign keys that the server checks: from whose rows to whose. */
  keys: pairs,
  /** Partitions, each with the table that it is one of. */
  partitions: pairs,
  /** What views read. */
  read: names,
  /** Rows came by INSERT: then a table without any may be empty, or left out. */
  inserted: z.boolean(),
});

/** What statements create: an inventory without versions and end marker. */
export const contentsSchema = inventorySchema
  .omit({ serverVersion: true, pgDumpVersion: true, endMarker: true, refused: true })
  /** The first table that is made twice. */
  .extend({ madeTwice: z.string().optional(), references: referencesSchema.optional() });

export type Contents = z.infer<typeof contentsSchema>;

export const noContents: Contents = {
  rows: {},
  tables: [],
  largeObjects: 0,
  indexes: [],
  constraints: [],
  triggers: [],
  sequences: [],
  extensions: [],
  types: [],
  functions: [],
  views: [],
  roles: [],
};

export function totalRows(inventory: Inventory): number {
  return Object.values(inventory.rows).reduce((sum, rows) => sum + rows, 0);
}

/**
 * Rows of one table.
 *
 * @param table - Bare or qualified name; a bare one is looked up in schema `public`.
 * @returns `undefined` when the dump has no such table.
 */
export function rowsOf(inventory: Inventory, table: string): number | undefined {
  return inventory.rows[table] ?? inventory.rows[`public.${table}`];
}

/** Whether the dump creates a table, with rows or without; a bare name as for {@link rowsOf}. */
export function hasTable({ tables }: Inventory, table: string): boolean {
  return tables.includes(table) || tables.includes(`public.${table}`);
}
