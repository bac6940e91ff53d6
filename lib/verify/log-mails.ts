// The mail about files of the log that are not what was stored.

import { composeMail, type Mail } from '../mail/mail.ts';

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
