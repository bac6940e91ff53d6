// What the mails about a sidecar's archive say of it.

import type { ByteWords } from '../verify/byte-mail.ts';

export const sidecarWords: ByteWords = {
  named: "archive of the dashboard's database",
  again: 'offsite sidecar backup',
  list: 'offsite sidecar list',
  undoFlag: ' --sidecar',
  damaged: 'It is not the database that was copied. It must not be relied upon.',
  unconcerned: "BitAgent's archives are not concerned.",
  advice: 'take a new one (offsite sidecar backup).',
  rest: "Retention does not count it as intact; 'latest' stays the newest intact one (offsite sidecar list).",
};
