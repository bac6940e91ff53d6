// What can go wrong in the cloud, one entry a section of docs/runbook.md. What our own programs know they tell by mail, with
// the source's name and its particulars; what they might not live to tell, an alarm of CloudWatch does.

type Fault = {
  /** The heading of its section in the runbook. */
  readonly title: string;
  /** What it means, for the first line of an alarm. */
  readonly meaning: string;
  readonly firstStep: string;
};

export const faults = {
  nobodyLooks: {
    title: 'Nobody looks',
    meaning:
      'The function that looks every hour whether archives are fresh was not called for two hours. Until it is, no mail says that a back-up is missing.',
    firstStep: "see whether its hourly rule is enabled, then run 'offsite list'",
  },
  nobodyHears: {
    title: 'Nobody hears',
    meaning:
      'No address has confirmed that it wants the mails, so that nobody hears of any fault; or the function that asks so, watch, has failed for two hours.',
    firstStep: "run 'offsite alert-test': it says who gets mails, and what to do where nobody does",
  },
  noFreshArchive: {
    title: 'No fresh archive',
    meaning:
      'A source has no intact archive that is young enough. Of that source retention deletes nothing from now on.',
    firstStep: "run 'offsite list' and, on the host, 'offsite backup'",
  },
  archiveNotIntact: {
    title: 'Archive not intact',
    meaning: 'An archive is damaged, incomplete or missing, and there is no newer intact one.',
    firstStep: "run 'offsite backup' on the host: a new archive is the cure",
  },
  archiveSuspicious: {
    title: 'Suspicious archive',
    meaning:
      'An archive holds much less, or much more, than those before it, and there is no newer intact one.',
    firstStep: "count the torrents in the database; if it is right, run 'offsite accept ID'",
  },
  archiveLost: {
    title: 'Archive lost',
    meaning:
      'An archive that was proven is deleted, overwritten, or has other bytes than when it was read last.',
    firstStep: "read its mail; 'offsite undo ID' brings back what was deleted",
  },
  retentionStandstill: {
    title: 'Retention stands still',
    meaning:
      'Nothing is expired although something is old enough, or retention has not run for two days. Nothing is lost by it, the vault grows.',
    firstStep:
      "run 'offsite list': fewer than keepIntact (7) intact archives, or none that is fresh, are the reason",
  },
  restoreTestOverdue: {
    title: 'Restore test overdue',
    meaning:
      'No restore test has passed for too long: that the archives can be restored is not proven any more.',
    firstStep: "run 'offsite list': it says when one passed last; then start one",
  },
  restoreTestFailed: {
    title: 'Restore test failed',
    meaning: 'The newest restore test did not bring back what was dumped.',
    firstStep: 'read its mail: it says what was expected, what was found and what to do',
  },
  pointTestFailed: {
    title: 'Recovery to a point failed',
    meaning:
      'The newest restore test could not recover a point in time from base backup and log. The nightly archives are not concerned.',
    firstStep: "read its mail, and run 'offsite wal window'",
  },
  restoreTestLost: {
    title: 'Restore test lost',
    meaning: 'A restore test could not begin, or its task was killed before it could report.',
    firstStep: 'read the mail and the log of the task, then start it again',
  },
  handlerFailed: {
    title: 'Handler failed',
    meaning:
      'A function of offsite has failed. It is tried three times; if it never succeeds, a mail brings its event.',
    firstStep: "read the function's log",
  },
  handlerThrottled: {
    title: 'Handler throttled',
    meaning:
      'AWS does not let a function of offsite run: the account has too few concurrent executions left.',
    firstStep: 'look at what else runs in the account; events wait for six hours',
  },
  deadLetters: {
    title: 'Dead letters',
    meaning:
      'An event could not be delivered, or could not be told of by mail. It lies in the dead letter queue.',
    firstStep: 'read the queue, mend what the message says, hand the event in again',
  },
  archiveWithoutManifest: {
    title: 'Archive without manifest',
    meaning: 'An agent was ended after it had stored an archive and before it could say so.',
    firstStep: "see that a later back-up came through: 'offsite list'",
  },
  wrongClock: {
    title: 'Wrong clock',
    meaning: "The host's clock is wrong: its newest archive has a date that the store contradicts.",
    firstStep: "set the host's clock (timedatectl)",
  },
  strangeArrivals: {
    title: 'Strange arrivals',
    meaning:
      'Something was stored that does not look like a back-up: a foreign name, another date than its own, or far more than usual.',
    firstStep: "ask whether anybody did that; if not, take the host's credentials away",
  },
  logGap: {
    title: 'Gap in the log',
    meaning:
      'A segment of the write-ahead log is missing, damaged, or there with different bytes: no recovery gets past it.',
    firstStep: "run 'offsite basebackup' on the host: from then on points can be recovered again",
  },
  logBehind: {
    title: 'Log behind',
    meaning: 'The newest point that can be recovered is older than it should be.',
    firstStep: "run 'offsite wal window', and on the host look at what archives the log",
  },
  unknownNotice: {
    title: 'Unknown notice',
    meaning: 'AWS has sent the report function something that it does not know.',
    firstStep: 'read what it says; update this installation',
  },
} as const satisfies Record<string, Fault>;

export type FaultId = keyof typeof faults;

/** What an alarm says of itself: CloudWatch's mail has no other words of ours. */
export function alarmDescription(fault: FaultId): string {
  const { title, meaning, firstStep } = faults[fault];
  return `${title}. ${meaning} First: ${firstStep}. Then: docs/runbook.md, "${title}".`;
}
