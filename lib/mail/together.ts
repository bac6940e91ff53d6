// Many mails of one run are one: SNS stops an e-mail subscription that is sent more than ten messages a second.

import { plural } from '../base/quantities.ts';
import { composeMail, type Mail } from './mail.ts';

/** So many still go one by one. */
const oneByOne = 5;

/** @returns The mails as they are, or all of them as one. */
export function together(mails: readonly Mail[]): readonly Mail[] {
  if (mails.length <= oneByOne) return mails;
  const subjects = mails.map(({ subject }) => subject.replace(/^\[offsite\] /, ''));
  return [
    composeMail(
      `[offsite] ${plural(mails.length, 'mail')} in one: ${subjects[0]}, and others`,
      [
        `${plural(mails.length, 'mail')} were to be sent at once. These are their subjects, and below them the mails:`,
        subjects.join('\n'),
        mails.map(({ subject, text }) => `---- ${subject}\n\n${text.trimEnd()}`).join('\n\n'),
      ],
      ...new Set(mails.flatMap(({ faults = [] }) => faults)),
    ),
  ];
}
