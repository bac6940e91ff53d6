// The store of a command that goes on by itself while the store is in trouble, for as long as it was told.

import type { Settings } from '../../lib/settings/config.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';

/** Loads the SDK only now: what else a command needs is asked for meanwhile. */
export async function openPatientStore(
  settings: Settings,
  patienceMs: number,
  onTrouble: (said: string) => void,
): Promise<ArchiveStore> {
  const { createS3Store } = await import('../../lib/store/s3.ts');
  const { patienceOf } = await import('../../lib/store/session.ts');
  return createS3Store({ ...settings, patience: patienceOf(patienceMs), onTrouble });
}
