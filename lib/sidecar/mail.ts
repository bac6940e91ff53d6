// The mail about a sidecar's archive that is not intact.

import type { FaultyByteVerdict } from '../archive/byte-verdict.ts';
import { formatInstant } from '../base/quantities.ts';
import { composeMail, type Mail } from '../mail/mail.ts';

const meaning = {
  damaged: 'It is not the database that was copied. It must not be relied upon.',
  missing: 'There is a manifest, so the agent saw it stored; now it is not in the vault.',
} as const;

export function sidecarMail(verdict: FaultyByteVerdict): Mail {
  const { id, deviations, verifiedAt } = verdict;
  return composeMail(
    `[offsite] ${verdict.verdict.toUpperCase()} archive of the dashboard's database: ${id}`,
    [
      `The archive ${id} of the dashboard's own database is ${verdict.verdict}. ${meaning[verdict.verdict]} BitAgent's archives are not concerned.`,
      deviations
        .map(({ what, expected, found }) => `${what}\n  expected  ${expected}\n  found     ${found}`)
        .join('\n'),
      'What to do: take a new one (offsite sidecar backup). If it comes back, look at the host: memory, network, disk.',
      "Retention does not count it as intact; 'latest' stays the newest intact one (offsite sidecar list).",
      `Verified ${formatInstant(new Date(verifiedAt))}.`,
    ],
    'archiveNotIntact',
  );
}
