// estimate: how large this database's archives are, by what the agent remembers, or else by what the server says.

import { estimateSize } from '../backup/ask-server.ts';
import { OffsiteError } from '../base/errors.ts';
import { agentStateFile } from '../settings/agent-state-file.ts';
import type { DumpSettings } from '../settings/config.ts';

export type ArchiveSize = {
  readonly compressedBytes: number;
  readonly plainBytes: number;
  /** Where it is known from, as a person says it. */
  readonly knownFrom: string;
};

/** What an archive has of the plain dump in it: the corpus's and those that operators report have a fifth. */
const compressedShare = 1 / 5;

export function namedSize(compressedBytes: number): ArchiveSize {
  return {
    compressedBytes,
    plainBytes: Math.round(compressedBytes / compressedShare),
    knownFrom: '--archive-bytes',
  };
}

/**
 * Finds the size of a source's archives: of the last one that this host made, or else by the size of the database.
 *
 * @throws {@link OffsiteError} `USAGE` if neither is known.
 */
export async function findArchiveSize(
  source: string,
  dump: DumpSettings,
  signal?: AbortSignal,
): Promise<ArchiveSize> {
  const state = await agentStateFile(source).read();
  if (state?.archive !== undefined) {
    const { id, compressedBytes, plainBytes } = state.archive;
    return { compressedBytes, plainBytes, knownFrom: `${id}, the last archive of this host` };
  }
  const guess = await estimateSize(dump, signal);
  if (guess !== undefined) {
    const { plainBytes } = guess;
    const compressedBytes = Math.round(plainBytes * compressedShare);
    return { compressedBytes, plainBytes, knownFrom: "the database's size; an archive tells it better" };
  }
  throw new OffsiteError('USAGE', `nobody knows how large an archive of ${source} is`, {
    expected: 'an archive that this host made, or a database that answers',
    found: 'neither',
    hint: "say it: --archive-bytes 2GB (compressed, a night's); or name the database as for 'offsite backup'",
  });
}
