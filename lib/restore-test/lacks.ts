// Whether the dump was of the whole database, by what its source used to have.

import { fewestKnown } from '../archive/band.ts';
import type { Inventory } from '../archive/inventory.ts';
import type { ArchiveId } from '../archive/names.ts';
import { readHistory } from '../archive/read-history.ts';
import { type Doubt, missingKinds, missingParts } from '../archive/structure.ts';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore } from '../store/store.ts';

/** Kinds of objects that the source's archives used to hold and this dump does not: it came back, and is not all there was. */
export async function lacksOf(
  store: ArchiveStore,
  id: ArchiveId,
  inventory: Inventory,
): Promise<readonly Doubt[]> {
  const history = (await readHistory(store, id)).map((known) => known.inventory);
  return [...missingKinds(inventory, history, fewestKnown), ...missingParts(inventory, history[0])];
}

/**
 * Passes if nothing is lacking.
 *
 * @throws `OffsiteError` `RESTORE_CHECK_FAILED` naming each kind.
 */
export function assertNothingLacks(lacks: readonly Doubt[]): void {
  if (lacks.length === 0) return;
  const list = (which: 'expected' | 'found') => lacks.map((one) => `${one.what}: ${one[which]}`).join('\n');
  const kinds = [...new Set(lacks.map(({ what }) => what))].join(', ');
  throw new OffsiteError('RESTORE_CHECK_FAILED', `the dump lacks what its source used to have: ${kinds}`, {
    expected: list('expected'),
    found: list('found'),
    hint: 'all that was dumped came back, but it is not the whole database: look at what runs pg_dump (-n, -t, --section, --no-… leave things out), and back up again now (offsite backup)',
  });
}
