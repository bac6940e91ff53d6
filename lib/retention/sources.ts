// sources: many databases may share a vault. Each is seen to on its own, some at once, and forgotten before the next. What is
// wrong with one is no reason to leave the others alone.

import type { ArchiveKind } from '../archive/kind.ts';
import { sourcesBelow } from '../archive/read-catalogue.ts';
import { eachOf } from '../base/each-of.ts';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore } from '../store/store.ts';

/** Enough to hide the store's latency; what is held in memory is as many sources' listings. */
const sourcesInFlight = 8;

/** A message is read by a person. */
const failuresNamed = 20;
const sourcesNamed = 5;

/** Sources that have archives of a kind; of one whose archives were all deleted, the verdicts still tell. */
export function sourcesOf(
  store: ArchiveStore,
  { prefix, verdictsPrefix }: ArchiveKind,
  ...more: readonly string[]
): Promise<string[]> {
  return sourcesBelow(store, prefix, verdictsPrefix, ...more);
}

/** Sees to every source. @returns What has failed, by the source; all others were seen to. */
export async function eachSource(
  sources: readonly string[],
  act: (source: string) => Promise<void>,
): Promise<Map<string, unknown>> {
  const failures = new Map<string, unknown>();
  await eachOf(sources, sourcesInFlight, async (source) => {
    try {
      await act(source);
    } catch (error) {
      failures.set(source, error);
    }
  });
  return failures;
}

/**
 * Tells whoever called of the sources that failed, once the others were seen to. The mail about a function that failed has no
 * more than the message: it names them.
 *
 * @param one - What each of them is.
 * @throws {@link OffsiteError} The error itself, with the source's name, if all that failed is one source; `SOURCES_FAILED`
 *   otherwise.
 */
export function throwFailures(failures: ReadonlyMap<string, unknown>, one = 'source'): void {
  const lines = [...failures].map(([source, error]) => `${source}: ${(error as Error).message}`);
  const [first, ...others] = failures.values();
  if (first === undefined) return;
  if (others.length === 0 && first instanceof OffsiteError)
    throw new OffsiteError(first.code, lines[0] as string, { ...first, cause: first });
  const names = cut([...failures.keys()], sourcesNamed).join(', ');
  const message = others.length === 0 ? lines[0] : `${lines.length} ${one}s could not be seen to: ${names}`;
  throw new OffsiteError('SOURCES_FAILED', message as string, {
    expected: `every ${one} seen to; all others were`,
    found: cut(lines, failuresNamed).join('\n'),
    hint:
      (first as Partial<OffsiteError>).hint ??
      'look at the first one (often it is the same with all of them), then run the same command again',
    cause: first,
  });
}

function cut(items: readonly string[], most: number): readonly string[] {
  return items.length <= most ? items : [...items.slice(0, most), `… ${items.length - most} more`];
}
