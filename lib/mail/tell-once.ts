// tell-once: events come twice, and a mail that came twice is asked about. What was told leaves a small object behind.

import { toldPrefix } from '../archive/names.ts';
import { inTime } from '../base/in-time.ts';
import type { ArchiveStore } from '../store/store.ts';
import type { Mail } from './mail.ts';
import { together } from './together.ts';

export type Teller = {
  readonly store: Pick<ArchiveStore, 'readText' | 'write'>;
  readonly sendMail: (mail: Mail) => Promise<void>;
  readonly now: Date;
  readonly log?: ((line: string) => void) | undefined;
};

/**
 * Sends a mail, unless it was sent.
 *
 * @param about - What names the occasion: of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`; anything else is replaced.
 * @throws Whatever keeps the mail from being sent; another attempt sends it then.
 * @remarks The mail goes first, and a store that does not answer keeps none back: in doubt there are two, never none.
 */
export async function tellOnce(teller: Teller, about: string, mail: Mail): Promise<boolean> {
  const news = await newsOnce(teller, about, mail);
  for (const one of news.mails) await teller.sendMail(one);
  await news.noted();
  return news.mails.length > 0;
}

/** As {@link tellOnce}, for whoever sends it with others. */
export async function newsOnce(
  { store, now, log = () => {} }: Omit<Teller, 'sendMail'>,
  about: string,
  mail: Mail,
): Promise<News> {
  // A handler that waits for the store until it is ended is repeated, and would tell again.
  const earlier = await inTime(store.readText(noteKey(about))).catch((error: Error) => {
    log(`whether it was told before cannot be read: ${error.message}`);
    return undefined;
  });
  if (earlier !== undefined) return { mails: [], noted: async () => {} };
  return { mails: [mail], noted: () => noteTold({ store, now, log }, about, mail) };
}

/** What there is to tell, and what is noted once it is told. */
export type News = { readonly mails: readonly Mail[]; readonly noted: () => Promise<void> };

/**
 * Tells of all of it.
 *
 * @remarks A mail that was sent and not noted comes again; one that was noted and not sent would never come.
 */
export async function tellNews(
  news: readonly News[],
  sendMail: (mail: Mail) => Promise<void>,
): Promise<void> {
  for (const mail of together(news.flatMap(({ mails }) => mails))) await sendMail(mail);
  for (const { noted } of news) await noted();
}

/**
 * Notes that a mail was sent, so that nobody else tells of the same.
 *
 * @param about - As for {@link tellOnce}.
 * @remarks It never fails, and ends in time: what cannot be noted is a line of the log.
 */
export async function noteTold(
  { store, now, log = () => {} }: Omit<Teller, 'sendMail' | 'store'> & { store: Pick<ArchiveStore, 'write'> },
  about: string,
  mail: Mail,
): Promise<void> {
  const note = { format: 1, toldAt: now.toISOString(), subject: mail.subject };
  await inTime(store.write(noteKey(about), `${JSON.stringify(note)}\n`)).catch((error: Error) => {
    log(`that it was told cannot be noted: ${error.message}`);
  });
}

function noteKey(about: string): string {
  return `${toldPrefix}${about.replaceAll(/[^\w.-]/g, '_').slice(-200)}.json`;
}
