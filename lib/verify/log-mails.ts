// The mails about base backups and files of the log that are not what was stored.

import type { FaultyByteVerdict } from '../archive/byte-verdict.ts';
import { formatInstant } from '../base/quantities.ts';
import { composeMail, type Mail } from '../mail/mail.ts';

export function baseBackupMail({ verdict, id, deviations, verifiedAt }: FaultyByteVerdict): Mail {
  const meaning =
    verdict === 'missing'
      ? 'There is a manifest, so the agent saw it stored; now it is not in the vault.'
      : 'It is not what the server gave. No recovery must begin with it.';
  return composeMail(
    `[offsite] ${verdict.toUpperCase()} base backup: ${id}`,
    [
      `The base backup ${id} is ${verdict}. ${meaning} The nightly archives are not concerned.`,
      deviations
        .map(({ what, expected, found }) => `${what}\n  expected  ${expected}\n  found     ${found}`)
        .join('\n'),
      'What to do: take a new one (offsite basebackup). Points from this one on can still be recovered from an older one, along the log, which takes longer (offsite wal window). If it comes back, look at the host: memory, network, disk.',
      'Retention does not count it: older ones, and the log since them, stay.',
      `Verified ${formatInstant(new Date(verifiedAt))}.`,
    ],
    'archiveNotIntact',
  );
}

/** Tells of a file of the log: all that comes after it in the log is reached by no recovery that has to pass it. */
export function damagedLogMail(source: string, name: string, expected: string, found: string): Mail {
  return composeMail(
    `[offsite] DAMAGED log: ${source}, ${name}`,
    [
      `${name}, a file of the log of ${source}, is not in the vault as it was stored:\n  expected  ${expected}\n  found     ${found}`,
      'What it means: no recovery gets past it. Points before it, and points after a later base backup, can be recovered; the nightly archives are not concerned.',
      "What to do: take a base backup now (offsite basebackup): points from then on can be recovered again. Before you do more, see whether an earlier version of the object is whole, and who wrote the newest (the store's access log; AWS: CloudTrail). While the server, or the folder that is shipped, still has the segment: delete the damaged object, and archive it once more.",
      'This mail comes once; others of this hour are counted in one mail.',
    ],
    'logGap',
  );
}
