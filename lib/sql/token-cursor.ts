// Reads along the tokens of one statement, as the lexer gave them: quoted identifiers keep their quotes, so that a
// keyword is always told from a name that looks like it.

/** A place in a statement's tokens, and what can be read there. */
export class TokenCursor {
  at = 0;
  readonly #tokens: readonly string[];

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  get done(): boolean {
    return this.at >= this.#tokens.length;
  }

  /** The token under the cursor, in capitals unless it is quoted. */
  peek(ahead = 0): string {
    return upper(this.#tokens[this.at + ahead] ?? '');
  }

  next(): string {
    const token = this.peek();
    this.at += 1;
    return token;
  }

  /** Passes over these words if all of them come next. */
  skip(...words: readonly string[]): boolean {
    if (!words.every((word, ahead) => this.peek(ahead) === word)) return false;
    this.at += words.length;
    return true;
  }

  /** Passes over any of these words, as often as they come. */
  skipAny(words: ReadonlySet<string>): void {
    while (words.has(this.peek())) this.at += 1;
  }

  /**
   * Passes over everything up to and including these words, where they stand in no further parentheses.
   *
   * @returns `false` if they do not come before the statement's end, or that of the parentheses the cursor is in.
   */
  seek(...words: readonly string[]): boolean {
    let depth = 0;
    while (!this.done && depth >= 0) {
      if (depth === 0 && this.skip(...words)) return true;
      const token = this.next();
      if (token === '(') depth += 1;
      if (token === ')') depth -= 1;
    }
    return false;
  }

  /** An identifier as pg_dump writes it, or `undefined`. */
  identifier(): string | undefined {
    const token = this.#tokens[this.at];
    if (token === undefined || !/^["A-Z_a-z\x80-\uffff]/.test(token)) return undefined;
    this.at += 1;
    return canonicalIdentifier(token);
  }

  /** A name with its schema, as pg_dump writes it, or `undefined`. */
  qualifiedName(): string | undefined {
    const parts: string[] = [];
    do {
      const part = this.identifier();
      if (part === undefined) break;
      parts.push(part);
    } while (this.skip('.'));
    return parts.length === 0 ? undefined : parts.join('.');
  }
}

/** The table whose data follow a statement, as the dump spells it: that of a COPY … FROM stdin. */
export function copiedTable(tokens: readonly string[]): string | undefined {
  const cursor = new TokenCursor(tokens);
  if (!cursor.skip('COPY')) return undefined;
  const table = cursor.qualifiedName();
  return cursor.seek('FROM') && cursor.peek() === 'STDIN' ? table : undefined;
}

/** How many columns a COPY names, if it says nothing of another format than pg_dump's. */
export function copiedColumns(tokens: readonly string[]): number | undefined {
  const cursor = new TokenCursor(tokens);
  if (!cursor.skip('COPY') || cursor.qualifiedName() === undefined || !cursor.skip('(')) return undefined;
  let columns = 0;
  do {
    if (cursor.identifier() === undefined) return undefined;
    columns += 1;
  } while (cursor.skip(','));
  return cursor.skip(')', 'FROM', 'STDIN') && cursor.done ? columns : undefined;
}

/** The schema of a qualified name, with its dot; empty for a bare name. */
export function schemaPrefix(name: string): string {
  // A dot in quotes is part of a name; a doubled quote reads as the end of one quoted part and the start of the next.
  return /^(?:[^".]|"[^"]*")*\./.exec(name)?.[0] ?? '';
}

function upper(token: string): string {
  return token.startsWith('"') ? token : token.toUpperCase();
}

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

/**
 * An identifier by its meaning: however a dump quotes it, it gets the spelling that pg_dump gives it without --quote-all-identifiers.
 *
 * @param token - As a dump writes it.
 */
export function canonicalIdentifier(token: string): string {
  if (!token.startsWith('"')) return /[A-Z]/.test(token) ? lowered(token) : token;
  const plain = token.slice(1, -1);
  return /^[a-z_][a-z0-9_]*$/.test(plain) && !keywords.has(plain) ? plain : token;
}

/** The server folds no other letters everywhere. */
function lowered(token: string): string {
  return token.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
