// The mails about base backups and files of the log that are not what was stored.

import { composeMail, type Mail } from '../mail/mail.ts';
import type { ByteWords } from './byte-mail.ts';

export const baseBackupWords: ByteWords = {
  named: 'base backup',
  again: 'offsite basebackup',
  list: 'offsite wal window',
  undoFlag: ' --base-backup',
  damaged: 'It is not what the server gave. No recovery must begin with it.',
  unconcerned: 'The nightly archives are not concerned.',
  advice:
    'take a new one (offsite basebackup). Points from this one on can still be recovered from an older one, along the log, which takes longer (offsite wal window).',
  rest: 'Retention does not count it: older ones, and the log since them, stay.',
};

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
