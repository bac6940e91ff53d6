// The mails about a source's archives and their age: each says the outcome in its subject, then what was found, what it
// means and what to do.

import { type CatalogueEntry, describeClock } from '../archive/catalogue-of.ts';
import { formatBytes, formatHours, formatInstant } from '../base/quantities.ts';
import { runbookLine } from '../mail/faults.ts';
import { composeMail, type Mail, textTable } from '../mail/mail.ts';
import type { Overdue } from './freshness.ts';
import type { RetentionPlan } from './plan.ts';

/** Tells that retention deletes nothing although something is old enough. */
export function standstillMail(plan: RetentionPlan): Mail {
  return composeMail(`[offsite] Retention stands still: ${plan.source}`, [
    `No archive of ${plan.source} is expired: ${plan.standstill}.`,
    'This is on purpose: old archives stay until newer ones are proven. What has to be mended is the back-up.',
    textTable([
      ['archive', 'standing', 'age'],
      ...plan.keep.map(({ id, standing, ageHours }) => [id, standing, formatHours(ageHours)]),
    ]),
    "What to do: run 'offsite backup' on the host and look at what it says.",
    runbookLine('retentionStandstill'),
  ]);
}

/** Tells of proofs that are too old. */
export function overdueMail(source: string, overdue: readonly Overdue[]): Mail {
  const stale = overdue.find(({ subject }) => subject === 'archive');
  const subject = stale
    ? `[offsite] NO FRESH ARCHIVE: ${source}, ${stale.never ? 'none yet' : `newest is ${formatHours(stale.ageHours)} old`}`
    : `[offsite] Restore test overdue: ${source}`;
  return composeMail(subject, [
    overdue.map((one) => describeOverdue(source, one)).join('\n'),
    stale
      ? "What to do: on the host, look at the timer or cron job of the agent, then run 'offsite backup' by hand."
      : 'What to do: start one now: aws lambda invoke with the function of the output LaunchRestoreTestFunction.',
    'This mail comes once a day until it is mended. When it is, you hear of it too.',
    runbookLine(stale ? 'noFreshArchive' : 'restoreTestOverdue'),
  ]);
}

/** Tells that nothing is overdue any more. */
export function recoveredMail(source: string): Mail {
  return composeMail(`[offsite] Well again: ${source}`, [
    `Nothing of ${source} is overdue any more: its newest intact archive and its restore test are within their limits.`,
  ]);
}

/** Tells of archives that never got a manifest. */
export function orphanMail(source: string, orphans: readonly CatalogueEntry[]): Mail {
  const what = orphans.length === 1 ? 'An archive' : `${orphans.length} archives`;
  return composeMail(`[offsite] Archive without manifest: ${source}`, [
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
    runbookLine('archiveWithoutManifest'),
  ]);
}

/** Tells that the store contradicts the date of an archive. */
export function misdatedMail(source: string, { id, datedAt, clockAheadMs }: CatalogueEntry): Mail {
  return composeMail(`[offsite] The host's clock is ${describeClock(clockAheadMs)}: ${source}`, [
    `The newest archive of ${source}, ${id.id}, was stored ${formatInstant(datedAt)}.`,
    "Its own date is wrong, so the store's counts in its place, for what is the latest and for what is kept. But its name says the wrong day, and S3 refuses a clock that is 15 min off unless the agent sets it right.",
    "What to do: set the host's clock (timedatectl), and let it be kept (systemd-timesyncd, chrony).",
    'This mail comes once.',
    runbookLine('wrongClock'),
  ]);
}

function describeOverdue(source: string, { subject, ageHours, never, limitHours }: Overdue): string {
  const limit = `limit ${formatHours(limitHours)}`;
  const what = subject === 'archive' ? 'intact archive' : 'passed restore test';
  return never
    ? `There is no ${what} of ${source}; it is watched since ${formatHours(ageHours)} (${limit}).`
    : `The newest ${what} of ${source} is ${formatHours(ageHours)} old (${limit}).`;
}
