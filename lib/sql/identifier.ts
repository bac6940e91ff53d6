// An identifier by its meaning: however a dump quotes it, it gets the spelling that pg_dump gives it without
// --quote-all-identifiers.

/** Words that stay in quotes, of PostgreSQL 15 to 18. @see https://www.postgresql.org/docs/current/sql-keywords-appendix.html */
const keywords = new Set(
  `all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast char
  character check coalesce collate collation column concurrently constraint create cross current_catalog current_date
  current_role current_schema current_time current_timestamp current_user dec decimal default deferrable desc distinct do
  else end except exists extract false fetch float for foreign freeze from full grant greatest group grouping having ilike
  in initially inner inout int integer intersect interval into is isnull join json json_array json_arrayagg json_exists
  json_object json_objectagg json_query json_scalar json_serialize json_table json_value lateral leading least left like
  limit localtime localtimestamp merge_action national natural nchar none normalize not notnull null nullif numeric offset
  on only or order out outer overlaps overlay placing position precision primary real references returning right row select
  session_user setof similar smallint some substring symmetric system_user table tablesample then time timestamp to
  trailing treat trim true union unique user using values varchar variadic verbose when where window with xmlattributes
  xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable`.split(
    /\s+/,
  ),
);

/** @param token - As a dump writes it. */
export function canonicalIdentifier(token: string): string {
  if (!token.startsWith('"')) return /[A-Z]/.test(token) ? lowered(token) : token;
  const plain = token.slice(1, -1);
  return /^[a-z_][a-z0-9_]*$/.test(plain) && !keywords.has(plain) ? plain : token;
}

/** The server folds no other letters everywhere. */
function lowered(token: string): string {
  return token.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
