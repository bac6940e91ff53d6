// What the vault knows of a source, read for its page.

import { readCatalogue } from '../archive/read-catalogue.ts';
import { OffsiteError } from '../base/errors.ts';
import { readWindows } from '../recovery-point/windows.ts';
import { readTests } from '../report/read-reports.ts';
import { parseWatchState, watchStateKey } from '../retention/freshness.ts';
import { parseStoredPlan, planKey } from '../retention/stored-plan.ts';
import type { ArchiveStore } from '../store/store.ts';
import type { SourceView } from './view.ts';

export type SourceReading = Pick<SourceView, 'source' | 'shown' | 'region'> & {
  readonly now: Date;
  /** Fail where anything cannot be read, but for points in time: the page is kept, and whoever draws it later may read all. */
  readonly isWhole?: boolean;
};

/**
 * Reads a source's archives, tests, plan and points in time, as far as the store lets us: a page is worth showing without.
 *
 * @throws Whatever kept it from being read, where it must be whole.
 */
export async function readSource(
  store: ArchiveStore,
  { source, shown, region, now, isWhole = false }: SourceReading,
): Promise<SourceView> {
  const unread: string[] = [];
  const part = <T, W>(what: string, reading: Promise<T>, without: W, mayLack = !isWhole) =>
    reading.catch((error: unknown) => {
      if (!mayLack) throw error;
      const why = error instanceof OffsiteError ? `${error.message} (${error.found})` : String(error);
      unread.push(`The vault's ${what} could not be read, and are not shown: ${why}.`);
      return without;
    });
  const until = { source, startedAt: now.toISOString() };
  const plan = async () => parseStoredPlan((await store.readText(planKey(source)))?.text ?? '');
  // Whoever may not read them draws by the usual ones.
  const watched = await store.readText(watchStateKey(source)).catch(() => undefined);
  return {
    limits: parseWatchState(watched?.text)?.limits,
    ...{ source, shown, region, drawnAt: now, unread },
    entries: await part('archives', readCatalogue(store, source), []),
    tests: await part('restore tests', readTests(store, until, region), []),
    plan: await part("retention's reasons", plan(), 'unread' as const),
    windows: await part('points in time', readWindows(store, source), [], true),
  };
}
