// What can go wrong in the cloud, one entry a section of docs/runbook.md. What our own programs know they tell by mail, with
// the source's name and its particulars; what they might not live to tell, an alarm of CloudWatch does.

/** The heading of each one's section in the runbook. */
export const faultTitles = {
  nobodyLooks: 'Nobody looks',
  nobodyHears: 'Nobody hears',
  noFreshArchive: 'No fresh archive',
  archiveNotIntact: 'Archive not intact',
  archiveSuspicious: 'Suspicious archive',
  archiveLost: 'Archive lost',
  retentionStandstill: 'Retention stands still',
  restoreTestOverdue: 'Restore test overdue',
  restoreTestFailed: 'Restore test failed',
  pointTestFailed: 'Recovery to a point failed',
  restoreTestLost: 'Restore test lost',
  handlerFailed: 'Handler failed',
  handlerThrottled: 'Handler throttled',
  deadLetters: 'Dead letters',
  archiveWithoutManifest: 'Archive without manifest',
  wrongClock: 'Wrong clock',
  strangeArrivals: 'Strange arrivals',
  logGap: 'Gap in the log',
  logBehind: 'Log behind',
  unknownNotice: 'Unknown notice',
} as const;

export type FaultId = keyof typeof faultTitles;

/** Of those that an alarm tells: what it means, and what to do first. CloudWatch's mail has no other words of ours. */
export const alarmWords = {
  nobodyLooks: [
    'The function that looks every hour whether archives are fresh was not called for two hours. Until it is, no mail says that a back-up is missing.',
    "see whether its hourly rule is enabled, then run 'offsite list'",
  ],
  nobodyHears: [
    'No address has confirmed that it wants the mails, so that nobody hears of any fault; or the function that asks so, watch, has failed for two hours.',
    "run 'offsite alert-test': it says who gets mails, and what to do where nobody does",
  ],
  noFreshArchive: [
    'A source has no intact archive that is young enough. Of that source retention deletes nothing from now on.',
    "run 'offsite list' and, on the host, 'offsite backup'",
  ],
  retentionStandstill: [
    'Nothing is expired although something is old enough, or retention has not run for two days. Nothing is lost by it, the vault grows.',
    "run 'offsite list': fewer than keepIntact (7) intact archives, or none that is fresh, are the reason",
  ],
  restoreTestOverdue: [
    'No restore test has passed for too long: that the archives can be restored is not proven any more.',
    "run 'offsite list': it says when one passed last; then start one",
  ],
  handlerThrottled: [
    'AWS does not let a function of offsite run: the account has too few concurrent executions left.',
    'look at what else runs in the account; events wait for six hours',
  ],
  deadLetters: [
    'An event could not be delivered, or could not be told of by mail. It lies in the dead letter queue.',
    'read the queue, mend what the message says, hand the event in again',
  ],
  logGap: [
    'A segment of the write-ahead log is missing, damaged, or there with different bytes: no recovery gets past it.',
    "run 'offsite basebackup' on the host: from then on points can be recovered again",
  ],
  logBehind: [
    'The newest point that can be recovered is older than it should be.',
    "run 'offsite wal window', and on the host look at what archives the log",
  ],
} as const satisfies Partial<Record<FaultId, readonly [meaning: string, firstStep: string]>>;

export type AlarmId = keyof typeof alarmWords;

/** What an alarm says of itself. */
export function alarmDescription(fault: AlarmId): string {
  const [meaning, firstStep] = alarmWords[fault];
  const title = faultTitles[fault];
  return `${title}. ${meaning} First: ${firstStep}. Then: docs/runbook.md, "${title}".`;
}
