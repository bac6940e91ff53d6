// Work on many things, some of them at once.

/**
 * @returns What came of each, in the order of the items.
 * @throws The first failure; the others are seen to all the same.
 */
export async function eachOf<T, R>(
  items: readonly T[],
  atMost: number,
  act: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of waiting) results[index] = await act(item);
  };
  await Promise.all(Array.from({ length: atMost }, work));
  return results;
}
