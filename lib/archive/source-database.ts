// What a plain dump does not say of its database, as the agent asks the server before it dumps. A restore makes the new
// database by it.

import * as z from 'zod';
import { parseJson } from '../base/parse-json.ts';

const name = z.string();

export const sourceDatabaseSchema = z.strictObject({
  name,
  /** As `CREATE DATABASE … ENCODING` takes it: `UTF8`. */
  encoding: z.string(),
  /** `libc`, `icu` or `builtin`. */
  localeProvider: z.string(),
  collate: z.string(),
  ctype: z.string(),
  /** Of the providers icu and builtin. */
  locale: z.string().optional(),
  icuRules: z.string().optional(),
  owner: name,
  /** Where its tables lie that name none; left out where that is the server's default. */
  tablespace: name.optional(),
  /** How many sessions it takes at most. */
  connectionLimit: z.number().optional(),
  comment: z.string().optional(),
  /** `ALTER DATABASE … SET`, or `ALTER ROLE … IN DATABASE … SET` where a role is named. */
  settings: z.array(z.strictObject({ role: name.optional(), name, value: z.string() })),
  /** Left out where they are PostgreSQL's own; a grantee that is left out is PUBLIC. */
  grants: z
    .array(z.strictObject({ grantee: name.optional(), privilege: z.string(), grantable: z.boolean() }))
    .optional(),
  /** Of the roles that own something in it, or may do something with it, those that can log in. */
  logins: z.array(name).optional(),
});

/** A database's own properties. */
export type SourceDatabase = z.infer<typeof sourceDatabaseSchema>;

/** No server takes more; what is above is the note of a restore that goes on. @see src/include/postmaster/postmaster.h MAX_BACKENDS */
const sessionsMost = 262_143;

/**
 * Asks for the properties of the database that one is connected to: one row, one field, JSON.
 *
 * @remarks Columns that not every version has are looked for in the row as JSON; `json_strip_nulls` leaves out what is
 *   not there.
 */
export const sourceDatabaseSql = `
  SELECT json_strip_nulls(json_build_object(
    'name', d.datname,
    'encoding', pg_encoding_to_char(d.encoding),
    'localeProvider', CASE coalesce(to_jsonb(d)->>'datlocprovider', 'c')
      WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
    'collate', d.datcollate,
    'ctype', d.datctype,
    'locale', coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale'),
    'icuRules', to_jsonb(d)->>'daticurules',
    'owner', pg_get_userbyid(d.datdba),
    'tablespace', (SELECT t.spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace AND t.spcname <> 'pg_default'),
    'connectionLimit', CASE WHEN d.datconnlimit BETWEEN 0 AND ${sessionsMost} THEN d.datconnlimit END,
    'comment', shobj_description(d.oid, 'pg_database'),
    'settings', coalesce((
      SELECT json_agg(json_build_object(
        'role', CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole) END,
        'name', split_part(one, '=', 1),
        'value', substr(one, strpos(one, '=') + 1)) ORDER BY s.setrole, at)
      FROM pg_db_role_setting s, unnest(s.setconfig) WITH ORDINALITY u(one, at) WHERE s.setdatabase = d.oid), '[]'),
    'grants', (
      SELECT json_agg(json_build_object(
        'grantee', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
        'privilege', a.privilege_type,
        'grantable', a.is_grantable) ORDER BY a.grantee, a.privilege_type)
      FROM aclexplode(d.datacl) a),
    'logins', (
      SELECT json_agg(r.rolname ORDER BY r.rolname) FROM pg_roles r
      WHERE r.rolcanlogin AND (r.oid = d.datdba OR EXISTS (
        SELECT FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid
          AND (s.dbid = d.oid OR (s.classid = 'pg_database'::regclass AND s.objid = d.oid)))))
  )) FROM pg_database d WHERE d.datname = current_database()`;

/** Reads the answer; `undefined` if it is none that this version understands. */
export function parseSourceDatabase(text: string): SourceDatabase | undefined {
  return parseJson(sourceDatabaseSchema, text);
}
