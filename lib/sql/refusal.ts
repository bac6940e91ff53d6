// What a dump may hold and no restore takes: the verifier says so the first night, the restore before it begins to.

/** Why a dump cannot be restored. */
export type Refusal = {
  readonly found: string;
  /** What to do, so that the next one can. */
  readonly remedy: string;
};

const byPgDump = 'write the dump with pg_dump, and change nothing in it';

const untouched = 'look at what lies between pg_dump and this file: it may add and change nothing';

export const refusals = {
  tooLong: {
    found: 'a statement of 1 GiB or more, which no server takes',
    remedy: 'write the dump without --inserts or with fewer --rows-per-insert',
  },
  crowded: (table: string): Refusal => ({
    found: `something after the semicolon of COPY ${table}`,
    remedy: byPgDump,
  }),
  madeTwice: (table: string): Refusal => ({
    found: `table ${table} a second time: two dumps, one after the other`,
    remedy:
      "write each dump to a file of its own (> in place of >>): here, the first ends with the line '-- PostgreSQL database dump complete'",
  }),
  noStatement: (tokens: readonly string[]): Refusal => ({
    found: `something between its statements that is none: ${tokens.slice(0, 8).join(' ').slice(0, 100)}`,
    remedy: `${untouched}: what pg_dump, docker or a shell say belongs on stderr`,
  }),
  /** @param at - Where among its tokens. */
  stray: (tokens: readonly string[], at: number): Refusal => ({
    found: `something within a statement that is no part of one: ${tokens
      .slice(Math.max(0, at - 4), at + 5)
      .join(' ')
      .slice(0, 100)}`,
    remedy: `${untouched}: what pg_dump, docker or a shell say belongs on stderr`,
  }),
  noText: {
    found: 'bytes that are no UTF-8, which it says that it is in: no server takes them',
    remedy: `${untouched}, nor recode it: its line SET client_encoding says what pg_dump wrote it in`,
  },
  uneven: (table: string): Refusal => ({
    found: `lines among the rows of ${table} that are no rows of its columns, or end otherwise than the others: no server takes them`,
    remedy: `${untouched}: neither a line's end nor a tab; what pg_dump, docker or a shell say belongs on stderr`,
  }),
  restriction: {
    found: '\\restrict or \\unrestrict where the other one is missing, or of another token: psql stops there',
    remedy: untouched,
  },
  zeros: {
    found: 'bytes of zero, which no dump holds: as a disk that was full or a power cut leaves them',
    remedy: untouched,
  },
  databases: {
    found: 'more than one database',
    remedy: 'write the dump with pg_dump, of one database, each under a source of its own',
  },
  setting: (tokens: readonly string[]): Refusal => ({
    found: `a setting that decides how the rest is read, in words that only a server knows: ${tokens.slice(0, 8).join(' ').slice(0, 100)}`,
    remedy: byPgDump,
  }),
} as const;

/** @param line - One of psql's own commands, other than `\restrict` and `\unrestrict`. */
export function foreignCommand(line: string): Refusal {
  const found = `psql's command ${JSON.stringify(line.slice(0, 60))}`;
  if (/^\\c(?:onnect)?\s/.test(line)) {
    return { found: `${found}, to another database`, remedy: refusals.databases.remedy };
  }
  return {
    found: `${found}, which pg_dump never writes`,
    remedy: 'find out who wrote this archive before anybody restores it by hand: psql would run that command',
  };
}
