// A store that is gone in the middle of a run: each further question would be waited for as long as the first, and no step could do
// anything. One that cannot give a single object is not gone.

import { archivesPrefix } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { inTime } from '../base/in-time.ts';
import type { ArchiveStore } from '../store/store.ts';

/**
 * Does one thing of many.
 *
 * @param onFailure - Is given what it failed with: it keeps none of the others from being done.
 * @throws What ends them all: the signal's reason; what says that the store is gone.
 */
export async function unlessAway(
  {
    store,
    signal,
  }: { readonly store: Pick<ArchiveStore, 'folders'>; readonly signal?: AbortSignal | undefined },
  act: () => Promise<void>,
  onFailure: (error: unknown) => unknown,
): Promise<void> {
  signal?.throwIfAborted();
  try {
    await act();
  } catch (error) {
    signal?.throwIfAborted();
    if (await isAway(error, store)) throw error;
    await onFailure(error);
  }
}

/** Whether something has failed because the store is gone. */
async function isAway(error: unknown, store: Pick<ArchiveStore, 'folders'>): Promise<boolean> {
  if (!isUnreachable(error)) return false;
  const answers = inTime(store.folders(archivesPrefix));
  return answers.then(() => false, isUnanswered);
}

function isUnreachable(error: unknown): boolean {
  if (!(error instanceof OffsiteError)) return false;
  // Of several sources or archives, the first that failed.
  return (
    error.code === 'STORE_UNREACHABLE' || (error.code === 'SOURCES_FAILED' && isUnreachable(error.cause))
  );
}

/** A refusal is an answer. */
function isUnanswered(error: unknown): boolean {
  return !(error instanceof OffsiteError) || isUnreachable(error);
}
