// The store as fetch, verify and restore read it: what is in the way is waited out for minutes, and told; several
// connections bring an archive where one of them may be slow.

import type { Settings } from '../../lib/settings/config.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { atBeginning } from './patient-store.ts';
import { tell } from './print.ts';

/** As a back-up puts up with, and who looks on may end it at any time. */
const readTroubleMs = 10 * 60_000;
/** All connections are in trouble at once. */
const troubleEveryMs = 10_000;
/** More bring no more than is inflated, scanned or loaded; each takes some MiB. */
const connectionsWhileWorking = 4;

export type ReadingStore = {
  readonly store: ArchiveStore;
  /** For what is worked on while it comes; within a machine one is as fast. */
  readonly connections: number;
  /** Who tells of its troubles; a display, as long as there is one. */
  readonly said: { by: (sentence: string) => void };
};

/** Loads the SDK only now: of a file, nobody needs it. */
export async function openStoreToRead(settings: Settings): Promise<ReadingStore> {
  const { createS3Store } = await import('../../lib/store/s3.ts');
  const { defaultPatience } = await import('../../lib/store/session.ts');
  const said = { by: (sentence: string) => tell(`offsite: ${sentence}`) };
  const onTrouble = atBeginning((sentence) => said.by(sentence), troubleEveryMs);
  // Who mistyped it hears of it at once.
  const patience = { ...defaultPatience, readTroubleMs, mistypedMs: 0 };
  const store = createS3Store({ ...settings, patience, onTrouble });
  const host = settings.endpoint === undefined ? '' : new URL(settings.endpoint).hostname;
  const isHere = /^(?:localhost|127\..*|\[::1\])$/.test(host);
  return { store, said, connections: isHere ? 1 : connectionsWhileWorking };
}
