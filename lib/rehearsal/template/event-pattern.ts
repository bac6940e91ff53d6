// EventBridge's pattern matching, so that the rehearsal delivers an event to a handler only if the synthesized rule
// would. What it does not know it refuses: a rule that silently never matches is what the rehearsal is there to find.

/** A pattern as a rule of the template has it: objects down to arrays of matchers. */
export type EventPattern = { readonly [field: string]: EventPattern | readonly Matcher[] };

type Scalar = string | number | boolean | null;
type Affix = string | readonly string[];

/** One alternative of a leaf of a pattern. */
export type Matcher =
  | Scalar
  | { readonly prefix: string | IgnoreCase }
  | { readonly suffix: string | IgnoreCase }
  | { readonly wildcard: string }
  | { readonly exists: boolean }
  | IgnoreCase
  | { readonly 'anything-but': Scalar | readonly Scalar[] | AnythingBut };

type IgnoreCase = { readonly 'equals-ignore-case': string };
type AnythingBut = { readonly prefix: Affix } | { readonly suffix: Affix } | { readonly wildcard: Affix };

/**
 * Tells whether EventBridge would hand an event to a rule with this pattern.
 *
 * @throws Error if the pattern holds a matcher that is not known here.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function matchesPattern(pattern: EventPattern, event: unknown): boolean {
  return Object.entries(pattern).every(([field, rest]) => {
    const value = fieldOf(event, field);
    return isMatchers(rest) ? matchesLeaf(rest, value) : matchesBranch(rest, value);
  });
}

function matchesBranch(pattern: EventPattern, value: unknown): boolean {
  return Array.isArray(value)
    ? value.some((element) => matchesPattern(pattern, element))
    : matchesPattern(pattern, value);
}

// A list in the event matches if any of its elements does; an empty list is a field that is not there.
function matchesLeaf(matchers: readonly Matcher[], value: unknown): boolean {
  const values = Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value];
  const scalars = values.filter(isScalar);
  return matchers.some((matcher) => {
    if (isObject(matcher) && 'exists' in matcher) return matcher.exists === scalars.length > 0;
    return scalars.some((scalar) => matchesScalar(matcher, scalar));
  });
}

function matchesScalar(matcher: Matcher, value: Scalar): boolean {
  if (!isObject(matcher)) return matcher === value;
  const [[operator, operand] = ['', undefined], ...others] = Object.entries(matcher) as [string, unknown][];
  if (others.length > 0) throw unknownMatcher(matcher);
  if (operator === 'anything-but') return !matchesAnyOf(operand, value);
  const test = textTests[operator];
  if (test === undefined) throw unknownMatcher(matcher);
  return typeof value === 'string' && test(operand, value);
}

function matchesAnyOf(excluded: unknown, value: Scalar): boolean {
  if (!isObject(excluded)) return [excluded].flat().includes(value);
  return Object.entries(excluded).some(([operator, operands]) => {
    const test = textTests[operator];
    if (test === undefined) throw unknownMatcher({ 'anything-but': excluded });
    return typeof value === 'string' && [operands].flat().some((operand) => test(operand, value));
  });
}

const textTests: Record<string, (operand: unknown, value: string) => boolean> = {
  prefix: (operand, value) => folded(operand, value, (text, affix) => text.startsWith(affix)),
  suffix: (operand, value) => folded(operand, value, (text, affix) => text.endsWith(affix)),
  wildcard: (operand, value) => wildcard(String(operand)).test(value),
  'equals-ignore-case': (operand, value) => String(operand).toLowerCase() === value.toLowerCase(),
};

function folded(operand: unknown, value: string, test: (text: string, affix: string) => boolean): boolean {
  if (!isObject(operand)) return test(value, String(operand));
  const affix = (operand as Partial<IgnoreCase>)['equals-ignore-case'];
  if (affix === undefined) throw unknownMatcher(operand);
  return test(value.toLowerCase(), affix.toLowerCase());
}

// A backslash makes the star or backslash after it an ordinary character.
function wildcard(pattern: string): RegExp {
  const source = pattern.replace(/\\([\\*])|(\*)|([.+?^${}()|[\]\\])/g, (_, escaped, star, special) =>
    star ? '.*' : `\\${escaped ?? special}`,
  );
  return new RegExp(`^${source}$`, 's');
}

function fieldOf(value: unknown, field: string): unknown {
  return isObject(value) && Object.hasOwn(value, field)
    ? (value as Record<string, unknown>)[field]
    : undefined;
}

function isMatchers(value: EventPattern | readonly Matcher[]): value is readonly Matcher[] {
  return Array.isArray(value);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): value is Scalar {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function unknownMatcher(matcher: unknown): Error {
  return new Error(`the rehearsal does not know EventBridge's matcher ${JSON.stringify(matcher)}`);
}
