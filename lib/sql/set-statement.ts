// What a statement changes in how the rest of the dump is read. Any spelling that the server takes counts: whoever reads
// on by other rules than psql takes text for code.

import { TokenCursor } from './token-cursor.ts';

export type ReadingChange = {
  /** `standard_conforming_strings` */
  readonly standardStrings?: boolean;
  /** `client_encoding`, as the dump spells it. */
  readonly encoding?: string;
};

/** Of the statements that can. */
export const settingVerbs: ReadonlySet<string> = new Set(['SET', 'SELECT', 'RESET', 'DISCARD']);

/**
 * Reads SET and `set_config`.
 *
 * @param literals - What stands in the strings and numbers among the tokens, in their order.
 * @returns `unknown` if one of the two settings is changed to what only the server can tell.
 */
export function readingChange(
  tokens: readonly string[],
  literals: readonly string[],
): ReadingChange | 'unknown' {
  const cursor = new TokenCursor(tokens);
  switch (cursor.next()) {
    case 'SET':
      return setChange(cursor, tokens, literals);
    case 'SELECT':
      return configChange(tokens, literals);
    case 'RESET':
    case 'DISCARD':
      return cursor.peek() === 'ALL' || settingName(tokens[1]) !== undefined ? 'unknown' : {};
    default:
      return {};
  }
}

function setChange(
  cursor: TokenCursor,
  tokens: readonly string[],
  literals: readonly string[],
): ReadingChange | 'unknown' {
  const isLocal = cursor.skip('LOCAL');
  cursor.skip('SESSION');
  const isNames = cursor.skip('NAMES');
  const name = isNames ? 'client_encoding' : settingName(tokens[cursor.at++]);
  if (name === undefined) return {};
  const isSet = isNames || cursor.skip('=') || cursor.skip('TO');
  if (isLocal || !isSet || cursor.peek() === 'DEFAULT' || cursor.at !== tokens.length - 1) return 'unknown';
  return changeOf(name, literalAt(cursor.at, tokens, literals) ?? plain(tokens[cursor.at]));
}

function configChange(tokens: readonly string[], literals: readonly string[]): ReadingChange | 'unknown' {
  let change: ReadingChange = {};
  for (const [at, token] of tokens.entries()) {
    if (plain(token) !== 'set_config' || tokens[at + 1] !== '(') continue;
    const name = literalAt(at + 2, tokens, literals);
    if (name === undefined || tokens[at + 3] !== ',') return 'unknown';
    const setting = settingName(name);
    if (setting === undefined) continue;
    const isWhole = tokens[at + 5] === ',' && plain(tokens[at + 6]) === 'false' && tokens[at + 7] === ')';
    const next = isWhole ? changeOf(setting, literalAt(at + 4, tokens, literals)) : 'unknown';
    if (next === 'unknown') return 'unknown';
    change = { ...change, ...next };
  }
  return change;
}

function changeOf(
  name: 'standard_conforming_strings' | 'client_encoding',
  value: string | undefined,
): ReadingChange | 'unknown' {
  // Escapes, dollar strings and texts cut for their length: nobody needs them to name these.
  if (value === undefined || !/^[\w -]{1,40}$/.test(value)) return 'unknown';
  if (name === 'client_encoding') return { encoding: value };
  const lower = value.toLowerCase();
  if (/^(?:o(?:n)|t(?:r(?:ue?)?)?|y(?:es?)?|1)$/.test(lower)) return { standardStrings: true };
  return /^(?:off?|f(?:a(?:l(?:se?)?)?)?|no?|0)$/.test(lower) ? { standardStrings: false } : 'unknown';
}

function settingName(
  token: string | undefined,
): 'standard_conforming_strings' | 'client_encoding' | undefined {
  const name = plain(token);
  return name === 'standard_conforming_strings' || name === 'client_encoding' ? name : undefined;
}

/** What stands in the string or number at this place. */
function literalAt(at: number, tokens: readonly string[], literals: readonly string[]): string | undefined {
  if (!isLiteral(tokens[at])) return undefined;
  return literals[tokens.slice(0, at).filter(isLiteral).length];
}

function isLiteral(token: string | undefined): boolean {
  return token === "''" || token === '0';
}

function plain(token = ''): string {
  return token.replace(/^"(.*)"$/, '$1').toLowerCase();
}
