// before-upgrade: an archive that an upgrade may rely on: intact by the cloud's word, and held for long enough to be regretted.

import { setTimeout as sleep } from 'node:timers/promises';
import type { CatalogueEntry } from '../archive/catalogue-of.ts';
import type { Manifest } from '../archive/manifest.ts';
import { type ArchiveId, parseArchiveId } from '../archive/names.ts';
import { readCatalogue, readVerdict } from '../archive/read-catalogue.ts';
import { OffsiteError } from '../base/errors.ts';
import { jsonText } from '../base/parse-json.ts';
import { formatDuration } from '../base/quantities.ts';
import type { ArchiveStore } from '../store/store.ts';
import { holdKey, parseHold, placeHold } from './hold.ts';
import { enoughFor, type Step } from './upgrade-step.ts';

/** So long after an upgrade, nobody goes back behind it. */
const holdDays = 90;

/**
 * Looks for an archive that is enough for an upgrade.
 *
 * @throws {@link OffsiteError} `CREDENTIALS_REFUSED` that says whose are needed.
 */
export async function findEnough(
  store: ArchiveStore,
  source: string,
  step: Step,
  now: Date,
): Promise<CatalogueEntry | undefined> {
  return asOperator('read', async () =>
    enoughFor(step, await readCatalogue(store, source, { intactEnough: 1 }), now),
  );
}

/**
 * Holds an archive, or one that is about to be taken; a hold that lasts longer stays.
 *
 * @returns Until when.
 * @throws {@link OffsiteError} `CREDENTIALS_REFUSED` that says whose are needed.
 */
export async function holdForUpgrade(store: ArchiveStore, id: ArchiveId, now: Date): Promise<Date> {
  return asOperator('hold', async () => {
    const hold = placeHold(id.id, holdDays, now);
    const stored = await store.readText(holdKey(id));
    const before = stored && parseHold(stored.text, id.id);
    if (before !== undefined && before.until >= hold.until) return new Date(before.until);
    await store.write(holdKey(id), jsonText(hold));
    return new Date(hold.until);
  });
}

export type Waiting = {
  readonly signal: AbortSignal;
  /** How long to wait for the verdict; 0 for ever. */
  readonly limitMs: number;
  readonly pollMs?: number;
};

/**
 * Waits for the verdict on an archive that was just taken.
 *
 * @throws {@link OffsiteError} `ARCHIVE_NOT_INTACT`, or `NOTHING_INTACT` if there is none in time; the signal's reason.
 */
export async function waitForIntact(
  store: ArchiveStore,
  manifest: Manifest,
  { signal, limitMs, pollMs = 5000 }: Waiting,
): Promise<void> {
  const id = parseArchiveId(manifest.id);
  for (const began = performance.now(); ; ) {
    signal.throwIfAborted();
    const verdict = await asOperator('read', () => readVerdict(store, id));
    const isOfThese = verdict !== undefined && [verdict.etag, ''].includes(manifest.etag);
    if (isOfThese && verdict.verdict === 'intact') return;
    if (isOfThese) throw notIntact(id, verdict.verdict, 'deviations' in verdict ? verdict.deviations : []);
    const leftMs = limitMs === 0 ? Number.POSITIVE_INFINITY : limitMs - (performance.now() - began);
    if (leftMs <= 0) throw noVerdict(id, limitMs);
    await sleep(Math.min(pollMs, leftMs), undefined, { signal }).catch(() => undefined);
  }
}

/** The agent's credentials can create, and nothing else; what is said then is whose are needed. */
async function asOperator<T>(what: 'read' | 'hold', act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof OffsiteError) || error.code !== 'CREDENTIALS_REFUSED') throw error;
    throw new OffsiteError(
      'CREDENTIALS_REFUSED',
      `these credentials may not ${what} archives, which an upgrade relies on`,
      {
        expected: "the operator's: the policies of the outputs OperatorPolicyArn and UndoPolicyArn",
        found: error.found,
        hint: "name a profile that has them: --operator-profile NAME; the dump itself is taken with the agent's own credentials",
        cause: error,
      },
    );
  }
}

function notIntact(
  { id }: ArchiveId,
  verdict: string,
  deviations: readonly { readonly what: string; readonly expected: string; readonly found: string }[],
): OffsiteError {
  const found = deviations.map((one) => `${one.what}: ${one.found}`).join('\n');
  const accept =
    verdict === 'suspicious' ? `; if it is right as it is: offsite accept ${id}, then run this again` : '';
  return new OffsiteError('ARCHIVE_NOT_INTACT', `${id} is ${verdict}: do not upgrade on it`, {
    expected: 'the verdict intact',
    found: found === '' ? verdict : found,
    hint: `see 'offsite verify ${id}' for what it is${accept}`,
  });
}

function noVerdict({ id }: ArchiveId, limitMs: number): OffsiteError {
  return new OffsiteError(
    'NOTHING_INTACT',
    `${id} is stored and held, and nobody has judged it yet: do not upgrade on it`,
    {
      expected: `a verdict within ${formatDuration(limitMs)} (--verdict-timeout)`,
      found: 'none',
      hint: `a large archive takes its time: see 'offsite list'; where no cloud side is deployed, 'offsite verify ${id}' judges it here`,
    },
  );
}
