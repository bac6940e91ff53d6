// The mail about segments of the log that lack.

import { formatInstant, plural } from '../base/quantities.ts';
import { composeMail, type Mail } from '../mail/mail.ts';
import type { LogGap } from './log-sight.ts';

/** Names the segments, and what is lost with them. */
export function gapMail(source: string, gaps: readonly LogGap[]): Mail {
  const count = gaps.reduce((sum, gap) => sum + gap.missingCount + gap.conflicting.length, 0);
  return composeMail(
    `[offsite] GAP IN THE LOG: ${source}, ${plural(count, 'segment')}`,
    [
      `No recovery of ${source} gets past a segment that is missing, damaged, or there with different bytes. The nightly archives are not concerned.`,
      gaps.map(describeGap).join('\n\n'),
      gaps.some(({ until }) => until === undefined)
        ? 'What to do: take a base backup now (offsite basebackup): points from then on can be recovered again. Then look for the segments on the server (pg_wal) and in the folder that is shipped, and archive them: the gap is closed by that.'
        : 'What to do: points after the later base backup can be recovered. Look for the segments in the folder that is shipped, and archive them: the gap is closed by that.',
      "Whoever deletes must be able to: the host cannot. If none of yours did, look who did (the store's access log; AWS: CloudTrail); deleted versions live on for a while.",
      'This mail comes once for each segment.',
    ],
    'logGap',
  );
}

function describeGap({ missing, missingCount, conflicting, from, until }: LogGap): string {
  const more = missingCount > missing.length ? `, and ${missingCount - missing.length} more` : '';
  return [
    ...(missingCount > 0 ? [`missing or damaged: ${missing.join(', ')}${more}`] : []),
    ...(conflicting.length > 0 ? [`with different bytes: ${conflicting.join(', ')}`] : []),
    `lost: points from ${formatInstant(from)} ${until === undefined ? 'on, as there is no later base backup' : `until ${formatInstant(until)}, when a later base backup was taken`}`,
  ].join('\n');
}
