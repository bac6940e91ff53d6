// A mail as it leaves: what happened first, then what the runbook says of it, so that nothing else has to be at hand at three in
// the morning.

import { wrap } from '../base/wrap.ts';
import { type FaultId, faultTitles } from './faults.ts';
import type { Mail } from './mail.ts';
import { runbookSections, shellLines } from './runbook.ts';

/** Commands of the runbook that take what its first section has said. */
const needsShell = /\$\((fn|out) |\$STACK|\$OFFSITE_BUCKET|^ +(logs|now) |`(logs|now) /m;

/** Adds each section of the runbook that the mail is about, once, in the words of whoever sends it. */
export function withRunbook(
  { subject, text, faults: about = [] }: Mail,
  sender: keyof typeof shellLines = 'aws',
): Pick<Mail, 'subject' | 'text'> {
  const said = (fault: FaultId) =>
    sender === 'aws' ? runbookSections[fault] : withoutAws(runbookSections[fault]);
  const sections = [...new Set(about)].map(
    (fault) => `==== Runbook: ${faultTitles[fault]} ====\n\n${said(fault)}\n`,
  );
  const needed = sections.some((section) => needsShell.test(section));
  // Of a guard's, all but the settings was said in full.
  const lines = sender === 'aws' ? shellLines.aws : shellLines.guard.split('\n')[0];
  const shell = needed ? [`Once in each shell, for these commands:\n\n${lines}\n`] : [];
  const others = sections.length > 0 ? ['Its other sections: docs/runbook.md, where this program is.\n'] : [];
  return { subject, text: [text, ...sections, ...shell, ...others].join('\n') };
}

/** What is there with the stack alone: its parts by their names, and commands of the aws program but for those of S3. */
const ofAws =
  /\bAWS\b|npx cdk|git pull|\baws\s+(?!s3)[a-z]|\$STACK|\$\((?:fn|out) |CloudTrail|CloudFormation|Fargate|FARGATE|\bE(?:C[2S]|BS)\b|CannotPull|PolicyArn|FunctionError/;

/** A section for who has no AWS: without the commands, points, sentences and words in brackets that are of it alone. */
function withoutAws(section: string): string {
  const blocks = section
    .split('\n\n')
    .map((block) => (/^ {4}/.test(block) ? commandsLeft(block) : wordsLeft(block)));
  return blocks.filter((block) => block !== '').join('\n\n');
}

function commandsLeft(block: string): string {
  // A command goes on where a line ends with a backslash.
  const commands = block.split(/(?<!\\)\n/);
  return inFull(commands.filter((command) => !ofAws.test(command)).join('\n'));
}

/** What the page's functions `now` and `logs` stand for. */
function inFull(text: string): string {
  return text
    .replaceAll(/\bnow verify '.*'/g, 'offsite verify new --record')
    .replaceAll(/\bnow expire '.*?'/g, 'offsite expire --dry-run')
    .replaceAll('now launch-restore-test', 'offsite guard --restore-test')
    .replaceAll('now expire', 'offsite expire')
    .replaceAll(
      /\blogs [a-z-]+\b(?: (\d+\w))?/g,
      (_, since = '1d') => `journalctl -u offsite-guard --since -${since}`,
    );
}

function wordsLeft(block: string): string {
  const points = block.split(/\n(?=- )/).map((point) => {
    const text = point.replaceAll(/\n */g, ' ').replaceAll(/ \((?:at )?AWS\b[^()]*\)/g, '');
    const sentences = text.split(/(?<=[.:;]) (?=[A-Z`"])/);
    if (point.startsWith('- ') && ofAws.test(sentences[0] ?? '')) return '';
    const left = inFull(sentences.filter((sentence) => !ofAws.test(sentence)).join(' '));
    const indented = point.startsWith('- ') ? `  ${left.replace(/^- /, '')}` : left;
    const lines = wrap(indented, 80).join('\n');
    return point.startsWith('- ') && indented.trim() !== '' ? lines.replace(/^ {2}/, '- ') : lines.trim();
  });
  return points.filter((point) => point !== '').join('\n');
}
