// The store of a command that goes on by itself while the store is in trouble, for as long as it was told.

import type { Settings } from '../../lib/settings/config.ts';
import type { Patience } from '../../lib/store/session.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';

/** What is told again and again for one reason is told at its beginning, and again once it has been quiet for so long. */
export function atBeginning(tell: (said: string) => void, quietMs: number): (said: string) => void {
  let at = Number.NEGATIVE_INFINITY;
  return (said) => {
    const now = performance.now();
    if (now - at > quietMs) tell(said);
    at = now;
  };
}

/** Loads the SDK only now: what else a command needs is asked for meanwhile. */
export async function openPatientStore(
  settings: Settings,
  patienceMs: number,
  onTrouble: (said: string) => void,
  more: Partial<Patience> = {},
): Promise<ArchiveStore> {
  const { createS3Store } = await import('../../lib/store/s3.ts');
  const { patienceOf } = await import('../../lib/store/session.ts');
  const patience = { ...patienceOf(patienceMs), readTroubleMs: patienceMs, ...more };
  return createS3Store({ ...settings, patience, onTrouble });
}
