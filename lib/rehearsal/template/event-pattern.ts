// EventBridge's pattern matching, so that the rehearsal delivers an event to a handler only if the synthesized rule
// would. What our rules have no use for it refuses: a rule that silently never matches is what the rehearsal is there to find.

/** A pattern as a rule of the template has it: objects down to arrays of matchers. */
export type EventPattern = { readonly [field: string]: EventPattern | readonly Matcher[] };

type Scalar = string | number | boolean | null;

/** One alternative of a leaf of a pattern. */
export type Matcher = Scalar | { readonly prefix: string } | { readonly wildcard: string };

/**
 * Tells whether EventBridge would hand an event to a rule with this pattern.
 *
 * @throws Error if the pattern holds a matcher that is not known here.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function matchesPattern(pattern: EventPattern, event: unknown): boolean {
  return Object.entries(pattern).every(([field, rest]) => {
    const value = fieldOf(event, field);
    if (isMatchers(rest)) return matchesLeaf(rest, value);
    return [value].flat().some((element) => matchesPattern(rest, element));
  });
}

// A list in the event matches if any of its elements does; an empty list is a field that is not there.
function matchesLeaf(matchers: readonly Matcher[], value: unknown): boolean {
  const scalars = [value].flat(Number.POSITIVE_INFINITY).filter(isScalar);
  return matchers.some((matcher) => {
    if (!isObject(matcher)) return scalars.includes(matcher);
    const [[operator, operand] = ['', undefined], ...others] = Object.entries(matcher);
    const test = textTests[operator];
    if (test === undefined || others.length > 0 || typeof operand !== 'string')
      throw new Error(`the rehearsal does not know EventBridge's matcher ${JSON.stringify(matcher)}`);
    return scalars.some((scalar) => typeof scalar === 'string' && test(scalar, operand));
  });
}

const textTests: Readonly<Record<string, (text: string, operand: string) => boolean>> = {
  prefix: (text, prefix) => text.startsWith(prefix),
  wildcard: (text, pattern) => wildcard(pattern).test(text),
};

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
