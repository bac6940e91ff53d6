// sources: many databases may share a vault. Each is seen to on its own, some at once, and forgotten before the next.

/** Enough to hide the store's latency; what is held in memory is as many sources' listings. */
const sourcesInFlight = 8;

/**
 * Sees to every source.
 *
 * @throws What `act` throws first; by then those under way have ended, and no further one was begun.
 */
export async function forEachSource(
  sources: readonly string[],
  act: (source: string) => Promise<void>,
): Promise<void> {
  const waiting = [...sources].reverse();
  const failures: unknown[] = [];
  const work = async (): Promise<void> => {
    for (let source = waiting.pop(); source !== undefined; source = waiting.pop()) {
      try {
        await act(source);
      } catch (error) {
        failures.push(error);
        waiting.length = 0;
      }
    }
  };
  await Promise.all(Array.from({ length: sourcesInFlight }, work));
  if (failures.length > 0) throw failures[0];
}
