// What no statement's tokens can be, whatever it says: a message of another program within it, or the rest of another statement. Whether
// it is right in all else, only a server can tell.

const pairs: Readonly<Record<string, string>> = { ')': '(', ']': '[' };
/** What takes a colon between two values. */
const jsonMakers = /^json_object(?:agg)?$/i;
/** What SET is followed by where no setting is meant. */
const otherSets =
  /^(?:authorization|catalog|characteristics|constraints|names|role|schema|seed|session|time|transaction|xml)$/i;

/** @returns Where among a statement's tokens the first one stands that cannot; -1 if none does. */
export function strayAt(tokens: readonly string[]): number {
  const open: string[] = [];
  let makesJson = false;
  for (const [at, token] of tokens.entries()) {
    const before = tokens[at - 1] ?? '';
    if (token === '(' || token === '[') open.push(token);
    else if (token in pairs && (before === ',' || open.pop() !== pairs[token])) return at;
    else if (token === ',' && (before === ',' || before === '(')) return at;
    else if (token === ':' && !isColonOf(open.at(-1), makesJson, tokens[at + 1])) return at;
    else if (token.length === 6 && isOtherCreate(tokens, at)) return at;
    makesJson ||= jsonMakers.test(token);
  }
  return tokens[0]?.toUpperCase() === 'SET' ? afterSetting(tokens) : -1;
}

/** Of `a[1:2]`, `JSON_OBJECT('a' : 1)` or `name := value`. */
function isColonOf(within: string | undefined, makesJson: boolean, next: string | undefined): boolean {
  return within === '[' || (within === '(' && makesJson) || next === '=';
}

/** The word is reserved: it begins a statement, or is what is granted. */
function isOtherCreate(tokens: readonly string[], at: number): boolean {
  if (at === 0 || tokens[at]?.toUpperCase() !== 'CREATE') return false;
  if (/^(?:AS|\.)$/i.test(tokens[at - 1] as string)) return false;
  const [verb = '', kind = ''] = tokens.map((token) => token.toUpperCase());
  return !['GRANT', 'REVOKE'].includes(verb) && kind !== 'DEFAULT' && kind !== 'SCHEMA';
}

/** Where a setting is over, and more follows. */
function afterSetting(tokens: readonly string[]): number {
  let at = /^(?:session|local)$/i.test(tokens[1] ?? '') ? 2 : 1;
  if (otherSets.test(tokens[at] ?? '')) return -1;
  while (tokens[at + 1] === '.') at += 2;
  if (!/^(?:=|to)$/i.test(tokens[at + 1] ?? '')) return at + 1;
  for (at += 2; ; at += 2) {
    if (tokens[at] === '-' || tokens[at] === '+') at += 1;
    if (!/^["'\w\x80-\uffff]/.test(tokens[at] ?? '')) return at;
    if (at + 1 === tokens.length) return -1;
    if (tokens[at + 1] !== ',') return at + 1;
  }
}
