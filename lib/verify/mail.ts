// The mail about an archive that is not intact: the outcome in its subject, then what was found, what it means and what
// to do.

import { type KindWords, ofDatabase } from '../archive/kind.ts';
import { lastRead, type Verdict } from '../archive/verdict.ts';
import { formatBytes, formatInstant } from '../base/quantities.ts';
import { composeMail, type Mail } from '../mail/mail.ts';

type Fault = Exclude<Verdict, { verdict: 'intact' }>;

/** What is known of bytes, by a verdict of any kind. */
type OfBytes = Pick<Verdict, 'verdict' | 'etag' | 'versionId' | 'verifiedAt' | 'lastReadAt'>;
type FaultOfBytes = OfBytes & Pick<Verdict, 'id'> & Pick<Fault, 'deviations'>;

const meaning: Record<Fault['verdict'], string> = {
  damaged: 'The bytes in the vault are not those that the agent wrote. This archive must not be relied upon.',
  incomplete:
    'The bytes are those that the agent wrote, but the dump in them was cut. It restores without an error and lacks what came after the cut.',
  suspicious:
    'The archive is whole, but what is in it does not look like the database, or not like what it used to hold.',
  missing: 'The agent saw it stored; now it, or its manifest, is not in the vault.',
};

const advice: Record<Fault['verdict'], string> = {
  damaged: 'Back up again now (offsite backup). If it comes back, look at the host: memory, network, disk.',
  incomplete: 'Back up again now, and look at how the dump is run: something hides the failure of pg_dump.',
  suspicious:
    'Look at the database: SELECT count(*) FROM torrents. If so much is gone by mistake, restore from an older archive. If it is right, say so:',
  missing:
    "Find out who deleted it (the store's access log; AWS: CloudTrail), and back up again now (offsite backup).",
};

/** What no restore takes, no word of the operator makes right. */
function adviceOn(verdict: Fault): string {
  if (verdict.verdict !== 'suspicious') return advice[verdict.verdict];
  const { refused } = verdict.inventory;
  if (refused !== undefined)
    return `No restore would take it: ${refused.remedy}, and back up again (offsite backup).`;
  return `${advice.suspicious}\n  offsite accept ${verdict.id} --reason '...'`;
}

/**
 * Tells of an archive that is not intact.
 *
 * @param before - The verdict of before: of what was proven, the loss is told.
 */
export function verdictMail(verdict: Fault, before?: Verdict | undefined): Mail {
  if (wasProven(before)) return lossMail(verdict, before);
  return composeMail(
    `[offsite] ${verdict.verdict.toUpperCase()} archive: ${verdict.id}`,
    [
      `The archive ${verdict.id} is ${verdict.verdict}.\n${meaning[verdict.verdict]}`,
      deviationLines(verdict),
      `What to do: ${adviceOn(verdict)}`,
      `${verdict.verdict === 'suspicious' ? 'Until then retention' : 'Retention'} does not count it as intact; 'latest' stays the newest intact archive (offsite list).`,
      `Verified ${formatInstant(new Date(verdict.verifiedAt))}, ${formatBytes(verdict.compressedBytes)} read.`,
    ],
    verdict.verdict === 'suspicious' ? 'archiveSuspicious' : 'archiveNotIntact',
  );
}

export function deviationLines({ deviations }: Pick<Fault, 'deviations'>): string {
  return deviations
    .map(({ what, expected, found }) => `${what}\n  expected  ${expected}\n  found     ${found}`)
    .join('\n');
}

type Loss = 'deleted' | 'overwritten' | 'rotten';

const happened: Record<Loss, string> = {
  deleted: 'Now it, or its manifest, is not under its name any more.',
  overwritten: 'Now other bytes are under its name.',
  rotten: 'Now the same object has other bytes: what the store keeps has changed, and nobody has written it.',
};

const remedy: Record<Loss, string> = {
  deleted:
    "Bring it back while its versions live (UNDO), and find out who deleted it (the store's access log; AWS: CloudTrail). If nobody of yours did, take their credentials away first.",
  overwritten:
    "Find out who wrote it (the store's access log; AWS: CloudTrail), and take their credentials away. The version that was proven lives on below while it is locked; below it says how to get it.",
  rotten:
    'Rely on another one (LIST), and take a new one now (AGAIN). Tell the provider of the store: it has lost bytes that it acknowledged.',
};

/** A fault in a word or two, for a mail that tells of many. */
export function faultWords(verdict: OfBytes, before?: OfBytes | undefined): string {
  return wasProven(before) ? `lost ${lossOf(verdict, before)}` : verdict.verdict;
}

/** How what was proven was lost. */
function lossOf(verdict: OfBytes, before: OfBytes): Loss {
  if (verdict.verdict === 'missing') return 'deleted';
  const isSame = verdict.etag === before.etag && verdict.versionId === before.versionId;
  return isSame ? 'rotten' : 'overwritten';
}

/** Its bytes were the agent's, whatever they held. */
export function wasProven<Before extends OfBytes>(before: Before | undefined): before is Before {
  return before?.verdict === 'intact' || before?.verdict === 'suspicious';
}

/** Tells of the loss of what was proven. */
export function lossMail(verdict: FaultOfBytes, before: OfBytes, words: KindWords = ofDatabase.words): Mail {
  const { id } = verdict;
  const { named, again, list, undoFlag } = words;
  const loss = lossOf(verdict, before);
  const read = formatInstant(new Date(lastRead(before)));
  const whatToDo = remedy[loss]
    .replace('UNDO', `offsite undo ${id}${undoFlag}`)
    .replace('LIST', list)
    .replace('AGAIN', again);
  return composeMail(
    `[offsite] LOST ${named}, ${loss}: ${id}`,
    [
      `The ${named} ${id} was ${before.verdict}, and when it was read last, ${read}, its bytes were those that the agent wrote. ${happened[loss]}`,
      deviationLines(verdict),
      `What to do: ${whatToDo}`,
      `It is ${verdict.verdict} from now on: retention does not count it as intact, and 'latest' is the newest intact one (${list}). This mail comes once.`,
    ],
    'archiveLost',
  );
}
