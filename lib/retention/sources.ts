// sources: many databases may share a vault. Each is seen to on its own, some at once, and forgotten before the next. What is
// wrong with one is no reason to leave the others alone.

import { OffsiteError } from '../base/errors.ts';
import { plural } from '../base/quantities.ts';

/** Enough to hide the store's latency; what is held in memory is as many sources' listings. */
const sourcesInFlight = 8;

/** A message is read by a person. */
const failuresNamed = 20;

/**
 * Sees to every source.
 *
 * @returns What has failed, by the source; all others were seen to.
 */
export async function eachSource(
  sources: readonly string[],
  act: (source: string) => Promise<void>,
): Promise<Map<string, unknown>> {
  const waiting = [...sources].reverse();
  const failures = new Map<string, unknown>();
  const work = async (): Promise<void> => {
    for (let source = waiting.pop(); source !== undefined; source = waiting.pop()) {
      try {
        await act(source);
      } catch (error) {
        failures.set(source, error);
      }
    }
  };
  await Promise.all(Array.from({ length: sourcesInFlight }, work));
  return failures;
}

/**
 * Tells whoever called of the sources that failed, once the others were seen to.
 *
 * @throws The error itself if all that failed is one source; {@link OffsiteError} `SOURCES_FAILED` naming them otherwise.
 */
export function throwFailures(failures: ReadonlyMap<string, unknown>): void {
  const [first, ...others] = failures.values();
  if (first === undefined) return;
  if (others.length === 0) throw first;
  const lines = [...failures].map(([source, error]) => `${source}: ${(error as Error).message}`);
  const more = lines.length - failuresNamed;
  throw new OffsiteError('SOURCES_FAILED', `${plural(failures.size, 'source')} could not be seen to`, {
    expected: 'every source seen to; all others were',
    found: [...lines.slice(0, failuresNamed), ...(more > 0 ? [`… ${more} more`] : [])].join('\n'),
    hint:
      (first as Partial<OffsiteError>).hint ?? 'look at the first one: often it is the same with all of them',
  });
}
