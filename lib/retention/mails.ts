// The mails about a source's archives and their age: each says the outcome in its subject, then what was found, what it
// means and what to do.

import { type CatalogueEntry, describeClock } from '../archive/catalogue-of.ts';
import {
  formatBytes,
  formatCount,
  formatHours,
  formatInstant,
  hoursBetween,
  plural,
} from '../base/quantities.ts';
import type { FaultId } from '../mail/faults.ts';
import type { UntoldHour } from '../mail/hour.ts';
import { composeMail, type Mail, textTable } from '../mail/mail.ts';
import { namesBesides, type Overdue, type Standstill, type Subject } from './freshness.ts';
import type { LogGap } from './log-sight.ts';

/** Tells that retention has not run for days. */
export function noRetentionMail(ranAt: Date, now: Date): Mail {
  const age = formatHours(hoursBetween(ranAt, now));
  return composeMail(
    `[offsite] Retention has not run for ${age}`,
    [
      `Retention runs every day; the last time was ${formatInstant(ranAt)}. Nothing is lost by it: what is old enough to go stays, and the vault grows.`,
      "What to do: at AWS, see whether the daily rule is enabled and whether the function 'expire' failed (its log), then invoke it by hand; elsewhere, run 'offsite expire' and look at what it says.",
      'This mail comes once a day until it has run.',
    ],
    'retentionStandstill',
  );
}

/**
 * Tells of proofs that are too old, and of retention that stands still.
 *
 * @param faults - The gravest first: it is the subject, and says what to do.
 */
export function overdueMail(source: string, faults: readonly (Overdue | Standstill)[]): Mail {
  const [gravest] = faults;
  const { subject, safe, whatToDo, fault } = words[gravest?.subject ?? 'archive'];
  const howOld =
    gravest?.subject === 'archive' || gravest?.subject === 'point' ? `, ${howOldIs(gravest)}` : '';
  return composeMail(
    `[offsite] ${subject}: ${source}${howOld}`,
    [
      faults.map((one) => describeFault(source, one)).join('\n'),
      safe,
      `What to do: ${whatToDo}`,
      ...new Set(faults.flatMap((one) => givenUp(source, one))),
      'This mail comes once a day until it is mended. When it is, you hear of it too.',
    ],
    fault,
  );
}

const words = {
  archive: {
    subject: 'NO FRESH ARCHIVE',
    safe: 'What is in the vault is safe: none of it is expired until there is a fresh one.',
    whatToDo:
      "run 'offsite list': of a newer one that is not intact, a mail of its own says why. Where there is none, look at the timer or cron job of the agent on the host, then run 'offsite backup' by hand.",
    fault: 'noFreshArchive',
  },
  'restore test': {
    subject: 'Restore test overdue',
    safe: 'Archives are taken and verified as ever; that they can be restored is what is not proven any more.',
    whatToDo: 'start one now; the command is below.',
    fault: 'restoreTestOverdue',
  },
  sidecar: {
    subject: "The dashboard's database is not archived any more",
    safe: "BitAgent's own archives are not concerned.",
    whatToDo:
      "on the host, run 'offsite sidecar backup' and look at what it says ('offsite install --sidecar' takes one every night).",
    fault: 'noFreshArchive',
  },
  point: {
    subject: 'NO RECENT POINT TO RECOVER',
    safe: 'The nightly archives are not concerned: what was committed since that point, and is in none of them, would be lost with the host.',
    whatToDo:
      "run 'offsite wal window'. Without a base backup, with a gap in the log, or where it says that a timeline goes on beside the one which is followed: 'offsite basebackup' on the host. Else see whether Postgres archives (SELECT * FROM pg_stat_archiver), and whether what ships the log runs. Where nothing was written to the database since, there is no log either, and nothing is lost.",
    fault: 'logBehind',
  },
  retention: {
    subject: 'Retention stands still',
    safe: 'Nothing is lost by it: the vault grows.',
    whatToDo: "run 'offsite backup' on the host and look at what it says, then 'offsite list'.",
    fault: 'retentionStandstill',
  },
} as const satisfies Record<Subject, { subject: string; safe: string; whatToDo: string; fault: FaultId }>;

/** Where all of a kind is that somebody may do without. Of archives that were deleted, their verdicts speak: for ever, if they stay. */
const kinds = [
  { of: namesBesides.sidecar, subject: 'sidecar', folders: ['sidecars', 'sidecar-verdicts'] },
  {
    of: namesBesides['base backup'],
    subject: 'point',
    folders: ['basebackups', 'basebackup-verdicts', 'wal', 'wal-verdicts'],
  },
] as const;

/** What ends the asking for what nobody wants any more. */
function givenUp(source: string, fault: Overdue | Standstill): string[] {
  const concerned = kinds.filter(({ subject, of }) =>
    fault.subject === 'retention' ? fault.reason.includes(`${of}: `) : fault.subject === subject,
  );
  return concerned.map(({ of, folders }) => {
    const all = folders.map((folder) => `${folder}/${source}/`).join(', ');
    return `If ${of} of ${source} are given up for good: delete all that is under ${all} in the vault (aws s3 rm --recursive), the verdicts too. Nobody asks for them then.`;
  });
}

function howOldIs({ never, ageHours }: Overdue): string {
  return never ? 'none yet' : `newest is ${formatHours(ageHours)} old`;
}

export function recoveredMail(source: string): Mail {
  return composeMail(`[offsite] Well again: ${source}`, [
    `Nothing of ${source} is overdue any more: its newest intact archives and its restore test are within their limits, and its old archives are expired again.`,
  ]);
}

/** Tells of archives that never got a manifest. */
export function orphanMail(source: string, orphans: readonly CatalogueEntry[]): Mail {
  const what = orphans.length === 1 ? 'An archive' : `${orphans.length} archives`;
  return composeMail(
    `[offsite] Archive without manifest: ${source}`,
    [
      `${what} of ${source} never got a manifest: the agent was killed, or the store refused the manifest, after all bytes were stored. Without a manifest it counts for nothing: no command restores it, and it is not fresh.`,
      textTable([
        ['archive', 'bytes', 'stored'],
        ...orphans.map(({ id, compressedBytes, datedAt }) => [
          id.id,
          formatBytes(compressedBytes),
          formatInstant(datedAt),
        ]),
      ]),
      `What to do: see that a later back-up came through (offsite list), and on the host why this one ended (reboot, out of memory, a timeout of its timer). Nothing has to be deleted by hand: expire removes it when it is older than keepDays.`,
      'This mail comes once.',
    ],
    'archiveWithoutManifest',
  );
}

/** Tells of all that was found of a source's archives within an hour, of which the first alone was told at once. */
export function hourMail({ source, hour, faults }: UntoldHour): Mail {
  const counts = new Map<string, number>();
  for (const { what } of faults) counts.set(what, (counts.get(what) ?? 0) + 1);
  const counted = [...counts].map(([what, count]) => `${formatCount(count)} ${what}`).join(', ');
  const archives = `${plural(faults.length, 'archive')} of ${source}`;
  return composeMail(
    `[offsite] ${archives}: ${counted}`,
    [
      `Within the hour from ${formatInstant(hour)}, ${archives} were found ${[...counts.keys()].join(', or ')}. The first of them was told at once; this is all of them.`,
      textTable([['archive', 'what'], ...faults.map(({ archive, what }) => [archive, what])]),
      "What to do: see that there is a newer one, and intact (offsite list). If nobody of yours made so many, somebody else has the agent's key: take it back. 'offsite verify ID' says what is wrong with one of them.",
    ],
    'archiveNotIntact',
  );
}

/** Tells that the store contradicts the date of an archive. */
export function misdatedMail(source: string, { id, datedAt, clockAheadMs }: CatalogueEntry): Mail {
  return composeMail(
    `[offsite] The host's clock is ${describeClock(clockAheadMs)}: ${source}`,
    [
      `The newest archive of ${source}, ${id.id}, was stored ${formatInstant(datedAt)}.`,
      "Its own date is wrong, so the store's counts in its place, for what is the latest and for what is kept. But its name says the wrong day, and S3 refuses a clock that is 15 min off unless the agent sets it right.",
      "What to do: set the host's clock (timedatectl), and let it be kept (systemd-timesyncd, chrony).",
      'This mail comes once.',
    ],
    'wrongClock',
  );
}

function describeFault(source: string, one: Overdue | Standstill): string {
  if (one.subject === 'retention') {
    return `No archive of ${source} is expired (seen ${formatInstant(one.since)}): ${one.reason}. This is on purpose: old archives stay until newer ones are proven.`;
  }
  const { subject, ageHours, never, limitHours } = one;
  const limit = `limit ${formatHours(limitHours)}`;
  const what = {
    archive: 'intact archive',
    'restore test': 'passed restore test',
    sidecar: "intact archive of the dashboard's database",
    point: 'point in time that can be recovered',
  }[subject];
  return never
    ? `There is no ${what} of ${source}; it is watched since ${formatHours(ageHours)} (${limit}).`
    : `The newest ${what} of ${source} is ${formatHours(ageHours)} old (${limit}).`;
}

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
  // What was shipped late was stored after it was written.
  const isLate = until !== undefined && from >= until;
  const since = isLate ? 'the end of the segment before, which was stored later,' : formatInstant(from);
  return [
    ...(missingCount > 0 ? [`missing or damaged: ${missing.join(', ')}${more}`] : []),
    ...(conflicting.length > 0 ? [`with different bytes: ${conflicting.join(', ')}`] : []),
    `lost: points from ${since} ${until === undefined ? 'on, as there is no later base backup' : `until ${formatInstant(until)}, when a later base backup was taken`}`,
  ].join('\n');
}
