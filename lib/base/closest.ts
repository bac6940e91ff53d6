// What somebody meant who mistyped a name.

/**
 * The candidate that a name is a slip of: written another way (`ping-url`, `PINGURL` for `pingUrl`), or a few letters off.
 *
 * @returns `undefined` if none is near.
 */
export function closest(name: string, candidates: readonly string[]): string | undefined {
  const near = candidates
    .map((candidate) => ({ candidate, edits: editsBetween(bare(name), bare(candidate)) }))
    .filter(({ candidate, edits }) => edits <= Math.max(1, Math.floor(bare(candidate).length / 3)));
  return near.sort((one, other) => one.edits - other.edits)[0]?.candidate;
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** Letters to put in, take out, change, or swap with the next. */
function editsBetween(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const differs = one[row - 1] === other[column - 1] ? 0 : 1;
      const isSwapped = row > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current[column] = Math.min(
        (last[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (last[column - 1] as number) + differs,
        isSwapped ? (beforeLast[column - 2] as number) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length] as number;
}
