// Whether a guard can be one: whoever takes the archives is no witness of them. A host that was broken into, or whose clock,
// disk or memory is at fault, would say of its own archives whatever it likes.

import { OffsiteError } from '../base/errors.ts';
import { agentStateFile } from '../settings/agent-state-file.ts';
import type { ArchiveStore } from '../store/store.ts';

/**
 * Refuses to run where archives are taken.
 *
 * @param namesDump - Whether the settings say how to dump a database.
 * @returns Why it cannot be independent, if the operator wants it so all the same.
 * @throws {@link OffsiteError} `GUARD_DEPENDENT`.
 */
export async function assertIndependent(
  sources: readonly string[],
  namesDump: boolean,
  isWanted: boolean,
): Promise<string | undefined> {
  const found = namesDump ? 'settings that say how to dump a database' : await traceOf(sources);
  if (found === undefined) return undefined;
  if (isWanted)
    return `this guard is not independent: it found ${found}. Who breaks into this host, or what is at fault with it, decides over archives and verdicts alike`;
  throw new OffsiteError('GUARD_DEPENDENT', 'this host takes the archives that it would guard', {
    expected:
      "another machine, with credentials of its own: a host's word on its own archives proves nothing",
    found,
    hint: "run the guard elsewhere (docs/guard.md); 'offsite guard --beside-agent' does it here all the same",
  });
}

async function traceOf(sources: readonly string[]): Promise<string | undefined> {
  for (const source of sources) {
    const file = agentStateFile(source);
    if ((await file.read()) !== undefined)
      return `${file.path}, which 'offsite backup' of ${source} keeps here`;
  }
  return undefined;
}

/**
 * Refuses credentials that may only create, which are an agent's.
 *
 * @throws {@link OffsiteError} `GUARD_DEPENDENT`, or whatever the store says.
 */
export async function assertMayLook(
  store: Pick<ArchiveStore, 'folders'>,
  prefix: string,
): Promise<readonly string[]> {
  return store.folders(prefix).catch((error) => {
    const isDenied =
      error instanceof OffsiteError && (error.cause as Error | undefined)?.name === 'AccessDenied';
    if (!isDenied) throw error;
    throw new OffsiteError(
      'GUARD_DEPENDENT',
      "these credentials may not list the vault: they are an agent's",
      {
        expected: 'credentials that may list, read, write and delete in this bucket',
        found: error.found,
        hint: "give the guard a key of its own (docs/guard.md); the host's stays as it is: create, and nothing else",
        cause: error,
      },
    );
  });
}
