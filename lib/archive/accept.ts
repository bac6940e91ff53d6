// accept: the operator says that a suspicious archive is right. From then on it counts as intact, everywhere, and what
// comes after it is compared with it.

import { OffsiteError } from '../base/errors.ts';
import { jsonText } from '../base/parse-json.ts';
import { toolVersion } from '../base/version.ts';
import type { ArchiveStore } from '../store/store.ts';
import { isAccepted } from './acceptance.ts';
import { type CatalogueEntry, countsAsIntact } from './catalogue-of.ts';
import { type ArchiveId, archiveKeys } from './names.ts';
import { readAcceptance, readCatalogue, readVerdict } from './read-catalogue.ts';
import { assertCommitted } from './select.ts';
import type { Verdict } from './verdict.ts';

export type AcceptOptions = {
  readonly store: ArchiveStore;
  readonly id: ArchiveId;
  /** In the operator's words; kept with the acceptance. */
  readonly reason?: string | undefined;
  readonly now: Date;
};

export type Accepted = {
  readonly verdict: SuspiciousVerdict;
  /** Whether it had been accepted before: then nothing was written. */
  readonly already: boolean;
  /** Younger archives of the source that are suspicious still. */
  readonly younger: readonly string[];
};

type SuspiciousVerdict = Extract<Verdict, { verdict: 'suspicious' }>;

/**
 * Accepts a suspicious archive.
 *
 * @throws {@link OffsiteError} `ARCHIVE_MISSING`, or `NOT_SUSPICIOUS` if there is nothing to accept: nothing is written
 *   then. A damaged, cut or missing archive cannot be accepted; saying that it is right does not bring bytes back.
 */
export async function accept({ store, id, reason, now }: AcceptOptions): Promise<Accepted> {
  const entries = await readCatalogue(store, id.source);
  const entry = entries.find((one) => one.id.id === id.id);
  const verdict = await readVerdict(store, id);
  assertCommitted(entry, id.id, id.source);
  if (verdict?.verdict !== 'suspicious' || !['suspicious', 'accepted'].includes(entry.standing)) {
    throw notSuspicious(id, entry);
  }
  const { refused } = verdict.inventory;
  if (refused !== undefined)
    throw new OffsiteError('NOT_SUSPICIOUS', `${id.id} cannot be accepted: no restore would take it`, {
      expected: 'an archive that can be restored',
      found: refused.found,
      hint: refused.remedy,
    });
  const younger = entries
    .filter((one) => one.standing === 'suspicious' && one.datedAt > entry.datedAt)
    .map((one) => one.id.id);
  if (isAccepted(verdict, await readAcceptance(store, verdict))) return { verdict, already: true, younger };
  const { source, versionId, etag, deviations } = verdict;
  const acceptance = jsonText({
    format: 1,
    id: id.id,
    source,
    versionId,
    etag,
    acceptedAt: now.toISOString(),
    ...(reason === undefined ? {} : { reason }),
    deviations,
    toolVersion,
  });
  // Not create: an acceptance of other bytes may lie there, and speaks of nothing any more.
  await store.write(archiveKeys(id).acceptance, acceptance);
  return { verdict, already: false, younger };
}

function notSuspicious({ id }: ArchiveId, { standing }: CatalogueEntry): OffsiteError {
  const hints: Partial<Record<CatalogueEntry['standing'], string>> = {
    unverified: "wait for the verdict ('offsite list')",
    missing: `'offsite undo ${id}' brings it back while the bucket keeps its versions; else back up again: offsite backup`,
  };
  const hint = countsAsIntact(standing)
    ? 'nothing has to be done: offsite restore takes it as it is'
    : (hints[standing] ?? 'accepting does not mend it; back up again: offsite backup');
  return new OffsiteError('NOT_SUSPICIOUS', `${id} cannot be accepted`, {
    expected: "an archive with the verdict 'suspicious'",
    found: standing,
    hint,
  });
}
