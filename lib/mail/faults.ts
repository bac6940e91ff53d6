// What can go wrong in the cloud, one entry a section of docs/runbook.md. Each fault is told once: what lasts, and what
// our own programs might not live to tell, by a CloudWatch alarm, when it begins and when it is over; what happens once
// and has particulars (this archive, this restore test, this event) by a mail of our own, at once. Of those, the alarm is
// quiet: it shows on the dashboard for how long it stands, and mails nothing.

/** Where the runbook is read. */
const runbookUrl = 'https://github.com/bitagent/bitagent-offsite/blob/main/docs/runbook.md';

type Fault = {
  /** The heading of its section in the runbook. */
  readonly title: string;
  /** What it means, for the first line of an alarm. */
  readonly meaning: string;
  readonly firstStep: string;
  /** Who tells of it; `mail` is one of our own. */
  readonly toldBy: 'alarm' | 'mail';
};

export const faults = {
  noFreshArchive: {
    title: 'No fresh archive',
    meaning:
      'There is no intact archive that is young enough, or nobody has looked for hours. From now on retention deletes nothing.',
    firstStep: "run 'offsite list' and, on the host, 'offsite backup'",
    toldBy: 'alarm',
  },
  archiveNotIntact: {
    title: 'Archive not intact',
    meaning: 'An archive is damaged, incomplete or missing, and there is no newer intact one.',
    firstStep: "run 'offsite backup' on the host: a new archive is the cure",
    toldBy: 'mail',
  },
  archiveSuspicious: {
    title: 'Suspicious archive',
    meaning:
      'An archive holds much less, or much more, than those before it, and there is no newer intact one.',
    firstStep: "count the torrents in the database; if it is right, run 'offsite accept ID'",
    toldBy: 'mail',
  },
  retentionStandstill: {
    title: 'Retention stands still',
    meaning:
      'Nothing is expired although something is old enough, or retention has not run for days. Nothing is lost by it, the vault grows.',
    firstStep:
      "run 'offsite list': fewer than keepIntact (7) intact archives, or none that is fresh, are the reason",
    toldBy: 'alarm',
  },
  restoreTestOverdue: {
    title: 'Restore test overdue',
    meaning:
      'No restore test has passed for too long: that the archives can be restored is not proven any more.',
    firstStep: 'start one: invoke the function of the output LaunchRestoreTestFunction',
    toldBy: 'alarm',
  },
  restoreTestFailed: {
    title: 'Restore test failed',
    meaning: 'The newest restore test did not bring back what was dumped.',
    firstStep: 'read its mail: it says what was expected, what was found and what to do',
    toldBy: 'mail',
  },
  restoreTestLost: {
    title: 'Restore test lost',
    meaning: 'A restore test could not begin, or its task was killed before it could report.',
    firstStep: 'read the mail and the log of the task, then start it again',
    toldBy: 'mail',
  },
  handlerFailed: {
    title: 'Handler failed',
    meaning:
      'A function of offsite has failed. It is tried three times; if it never succeeds, a mail brings its event.',
    firstStep: "read the function's log",
    toldBy: 'mail',
  },
  handlerThrottled: {
    title: 'Handler throttled',
    meaning:
      'AWS does not let a function of offsite run: the account has too few concurrent executions left.',
    firstStep: 'look at what else runs in the account; events wait for six hours',
    toldBy: 'alarm',
  },
  deadLetters: {
    title: 'Dead letters',
    meaning:
      'An event could not be delivered, or could not be told of by mail. It lies in the dead letter queue.',
    firstStep: 'read the queue, mend what the message says, hand the event in again',
    toldBy: 'alarm',
  },
  archiveWithoutManifest: {
    title: 'Archive without manifest',
    meaning: 'An agent was ended after it had stored an archive and before it could say so.',
    firstStep: "see that a later back-up came through: 'offsite list'",
    toldBy: 'mail',
  },
  wrongClock: {
    title: 'Wrong clock',
    meaning: "The host's clock is wrong: its newest archive has a date that the store contradicts.",
    firstStep: "set the host's clock (timedatectl)",
    toldBy: 'mail',
  },
  unknownNotice: {
    title: 'Unknown notice',
    meaning: 'AWS has sent the report function something that it does not know.',
    firstStep: 'read what it says; update this installation',
    toldBy: 'mail',
  },
} as const satisfies Record<string, Fault>;

export type FaultId = keyof typeof faults;

/** Where a fault's section of the runbook is. */
export function runbookLink(fault: FaultId): string {
  return `${runbookUrl}#${faults[fault].title.toLowerCase().replaceAll(' ', '-')}`;
}

/** The last line of a mail about a fault. */
export function runbookLine(fault: FaultId): string {
  return `Runbook: ${runbookLink(fault)}`;
}

/** What an alarm says of itself: CloudWatch's mail has no other words of ours. */
export function alarmDescription(fault: FaultId, source?: string): string {
  const { title, meaning, firstStep } = faults[fault];
  const whose = source === undefined ? '' : ` (${source})`;
  return `${title}${whose}. ${meaning} First: ${firstStep}. ${runbookLine(fault)}`;
}
