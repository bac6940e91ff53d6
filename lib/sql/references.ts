// Tables that a dump's foreign keys and views count on. -T, -t and --exclude-table-data leave such a table or its rows away, and
// a restore fails where it would look at them. Whether they are there shows at the dump's end only.

import type { Contents } from '../archive/inventory.ts';
import { schemaPrefix, TokenCursor } from './token-cursor.ts';

const modifiers = new Set('OR REPLACE UNLOGGED MATERIALIZED RECURSIVE'.split(' '));
/** What no dump makes, and rows in rules. */
const serversOwn = /^"?(?:pg_\w+|information_schema)"?\./;

export class References {
  readonly #keys: [string, string][] = [];
  readonly #partitions: [string, string][] = [];
  readonly #read = new Set<string>();
  #inserted = false;

  /** Adds what was found in what follows. */
  add({ references }: Contents): void {
    if (references === undefined) return;
    const { keys, partitions, read, inserted } = references;
    this.#keys.push(...keys);
    this.#partitions.push(...partitions);
    for (const name of read) this.#read.add(name);
    this.#inserted ||= inserted;
  }

  /** Takes a statement in. */
  read(tokens: readonly string[]): void {
    const cursor = new TokenCursor(tokens);
    const verb = cursor.next();
    if (verb === 'INSERT') this.#inserted = true;
    if (verb === 'ALTER' && cursor.skip('TABLE')) this.#alterTable(cursor);
    if (verb !== 'CREATE') return;
    cursor.skipAny(modifiers);
    if (cursor.skip('VIEW')) for (const name of tablesRead(cursor)) this.#read.add(name);
    else if (cursor.skip('TABLE')) {
      const part = cursor.qualifiedName();
      const whole = cursor.skip('PARTITION', 'OF') ? cursor.qualifiedName() : undefined;
      if (part !== undefined && whole !== undefined) this.#partitions.push([part, whole]);
    }
  }

  /** What there is to say, if there is anything. */
  found(): Pick<Contents, 'references'> {
    const [keys, partitions, read] = [[...this.#keys], [...this.#partitions], [...this.#read]];
    if (keys.length + partitions.length + read.length === 0 && !this.#inserted) return {};
    return { references: { keys, partitions, read, inserted: this.#inserted } };
  }

  #alterTable(cursor: TokenCursor): void {
    cursor.skip('ONLY');
    const table = cursor.qualifiedName();
    if (table === undefined) return;
    if (cursor.skip('ATTACH', 'PARTITION')) {
      const part = cursor.qualifiedName();
      if (part !== undefined) this.#partitions.push([part, table]);
      return;
    }
    if (!cursor.skip('ADD', 'CONSTRAINT')) return;
    cursor.identifier();
    if (!cursor.skip('FOREIGN', 'KEY') || !cursor.seek('REFERENCES')) return;
    const other = cursor.qualifiedName();
    while (cursor.seek('NOT')) if (/^(?:VALID|ENFORCED)$/.test(cursor.peek())) return;
    if (other !== undefined) this.#keys.push([table, other]);
  }
}

/**
 * @returns What a dump's views and foreign keys look for in vain: `table NAME`, `rows of NAME …`.
 * @remarks Rows in which the key is NULL look for none: they are not told from others.
 */
export function unmetReferences({ references, ...contents }: Contents): readonly string[] {
  if (references === undefined) return [];
  const { keys, partitions, read, inserted } = references;
  const made = new Set([...contents.tables, ...contents.views, ...contents.sequences]);
  const wholes = new Map(partitions);
  const familyOf = (table: string): string[] => {
    const whole = wholes.get(table);
    return whole === undefined || whole === table ? [table] : [table, ...familyOf(whole)];
  };
  const filled = new Set(Object.keys(contents.rows).flatMap(familyOf));
  const rich = Object.entries(contents.rows).flatMap(([table, rows]) => (rows > 0 ? familyOf(table) : []));
  const withRows = new Set(rich);
  const absent = [...read, ...keys.map(([, to]) => to)].filter((name) => !made.has(name));
  const empty = keys.filter(
    ([from, to]) =>
      !inserted &&
      from !== to &&
      made.has(to) &&
      withRows.has(from) &&
      !familyOf(to).some((one) => filled.has(one)),
  );
  return [
    ...new Set([
      ...absent.map((name) => `table ${name}`),
      ...empty.map(([from, to]) => `rows of ${to}, to which those of ${from} refer`),
    ]),
  ];
}

/** The names of two parts behind FROM and JOIN; behind the FROM of EXTRACT and its like stand columns. */
function tablesRead(cursor: TokenCursor): string[] {
  const names: string[] = [];
  const asks = [true];
  while (!cursor.done) {
    const isBehind = cursor.peek(-1) !== 'DISTINCT';
    const word = cursor.next();
    if (word === '(') asks.push(/^(?:SELECT|WITH)$/.test(cursor.peek()));
    if (word === ')' && asks.length > 1) asks.pop();
    if (word !== 'JOIN' && !(word === 'FROM' && isBehind && asks.at(-1))) continue;
    while (cursor.skip('(')) asks.push(/^(?:SELECT|WITH)$/.test(cursor.peek()));
    cursor.skip('ONLY');
    const name = cursor.qualifiedName() ?? '';
    if (schemaPrefix(name) !== '' && cursor.peek() !== '(' && !serversOwn.test(name)) names.push(name);
  }
  return names;
}
