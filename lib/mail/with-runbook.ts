// A mail as it leaves: what happened first, then what the runbook says of it, so that nothing else has to be at hand at three in
// the morning.

import { faults } from './faults.ts';
import type { Mail } from './mail.ts';
import { runbookSections, shellLines } from './runbook.ts';

/** Commands of the runbook that take what its first section has said. */
const needsShell = /\$\((fn|out) |\$STACK|\$OFFSITE_BUCKET|^ +(logs|now) |`(logs|now) /m;

/** Adds each section of the runbook that the mail is about, once, in the words of whoever sends it. */
export function withRunbook(
  { subject, text, faults: about = [] }: Mail,
  sender: keyof typeof shellLines = 'aws',
): Pick<Mail, 'subject' | 'text'> {
  const sections = [...new Set(about)].map(
    (fault) => `==== Runbook: ${faults[fault].title} ====\n\n${runbookSections[fault]}\n`,
  );
  const needed = sections.some((section) => needsShell.test(section));
  const shell = needed ? [`Once in each shell, for these commands:\n\n${shellLines[sender]}\n`] : [];
  const others = sections.length > 0 ? ['Its other sections: docs/runbook.md, where this program is.\n'] : [];
  return { subject, text: [text, ...sections, ...shell, ...others].join('\n') };
}
