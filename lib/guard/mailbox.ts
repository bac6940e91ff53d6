// Who hears of what the guard finds. Each mail goes every way that is set; one that is not taken is kept in the vault and goes
// out with the next run, while the other ways tell of it: never silence.

import * as z from 'zod';
import { mailsPrefix } from '../archive/names.ts';
import { OffsiteError, sayWhatIsSafe } from '../base/errors.ts';
import { jsonText, parseJson } from '../base/parse-json.ts';
import { formatInstant } from '../base/quantities.ts';
import type { Mail } from '../mail/mail.ts';
import { refusesOneMail, type Smtp } from '../mail/smtp.ts';
import { withRunbook } from '../mail/with-runbook.ts';
import { lettersOf, type Receivers } from '../nightly/night.ts';
import { sendNotices } from '../nightly/send.ts';
import type { ArchiveStore } from '../store/store.ts';

export type MailboxOptions = {
  readonly store: Pick<ArchiveStore, 'list' | 'readText' | 'write' | 'delete'>;
  readonly smtp: Smtp | undefined;
  readonly receivers: Pick<Receivers, 'ntfyUrl' | 'webhookUrl'>;
  readonly now: () => Date;
  readonly warn: (sentence: string) => void;
};

export type Mailbox = {
  /** Sends a mail, or keeps it. @throws What keeps it from being kept: nobody was told then. */
  readonly sendMail: (mail: Mail) => Promise<void>;
  /** Sends what earlier runs have kept. */
  readonly sendKept: () => Promise<void>;
  /** Why mails are kept that were to go out, if there are any. */
  readonly trouble: () => OffsiteError | undefined;
};

const keptSafe =
  'nothing of this run is lost: mails that were not taken are kept in the vault, and go out with the next run';

const keptSchema = z.object({
  format: z.literal(1),
  subject: z.string(),
  text: z.string(),
  since: z.iso.datetime(),
  /** Of its addresses, those that have not had it; without them, nobody has. */
  to: z.array(z.string()).readonly().optional(),
});

/** What goes out now, or was kept before. */
type Unsent = Mail & Partial<Pick<z.infer<typeof keptSchema>, 'since' | 'to'>>;

export function createMailbox({ store, smtp, receivers, now, warn }: MailboxOptions): Mailbox {
  let trouble: OffsiteError | undefined;
  let isDown = false;
  let count = 0;

  /** By SMTP, where there is a server. @returns Whether it is out. */
  async function bySmtp(mail: Unsent, server: Smtp): Promise<boolean> {
    if (isDown) return false;
    const untaken = await server.send(asLate(mail), mail.to).catch((error) => {
      if (!(error instanceof OffsiteError)) throw error;
      isDown = !refusesOneMail(error);
      trouble ??= sayWhatIsSafe(error, keptSafe);
    });
    if (untaken === undefined) return false;
    const { refused, later } = untaken;
    if (refused.length > 0)
      trouble ??= new OffsiteError(
        'MAIL_REFUSED',
        'the mail server takes no mails to some of the addresses',
        {
          expected: 'every address of email to be one that it takes',
          found: `refused: ${refused.join(', ')}; the others have their mail`,
          hint: "mend email in the settings, then 'offsite guard --check' looks",
        },
      );
    if (later.length > 0) await keep({ ...mail, to: later });
    return true;
  }

  /** @returns Whether anybody took it. */
  async function byLetter({ subject, text }: Mail): Promise<boolean> {
    const letters = lettersOf({ title: subject, log: text, isFault: true }, receivers);
    const untaken = await sendNotices(letters);
    for (const sentence of untaken) warn(sentence);
    const isOut = untaken.length < letters.length;
    if (!isOut && smtp === undefined) trouble ??= sayWhatIsSafe(untold(untaken), keptSafe);
    return isOut;
  }

  async function keep({ subject, text, to, since = now().toISOString() }: Unsent): Promise<void> {
    count += 1;
    const key = `${mailsPrefix}${now().toISOString()}-${String(count).padStart(4, '0')}.json`;
    await store.write(key, jsonText({ format: 1, subject, text, since, to }));
    const whom = to === undefined ? 'all' : to.join(', ');
    const who = smtp === undefined ? 'nobody took it' : `the mail server did not take it for ${whom}`;
    warn(`kept for the next run, as ${who}: ${subject}`);
  }

  return {
    async sendMail(told) {
      const mail = withRunbook(told, 'guard');
      const [smtpTook, othersTook] = await Promise.all([smtp && bySmtp(mail, smtp), byLetter(told)]);
      if (!(smtpTook ?? othersTook)) await keep(mail);
    },
    async sendKept() {
      const keys: string[] = [];
      for await (const { key } of store.list(mailsPrefix)) keys.push(key);
      for (const key of keys) {
        // `undefined` of what is no mail of ours.
        const kept = parseJson(keptSchema, (await store.readText(key))?.text);
        if (kept === undefined) continue;
        if (await (smtp === undefined ? byLetter(asLate(kept)) : bySmtp(kept, smtp))) await store.delete(key);
        if (isDown) return;
      }
    },
    trouble: () => trouble,
  };
}

function asLate({ subject, text, since }: Unsent): Mail {
  if (since === undefined) return { subject, text };
  const note = `This mail is of ${formatInstant(new Date(since))}: it was not taken until now.`;
  return { subject, text: `${note}\n\n${text}` };
}

function untold(sentences: readonly string[]): OffsiteError {
  return new OffsiteError('MAIL_REFUSED', 'nobody took a mail', {
    expected: 'ntfy or a webhook that takes it',
    found: sentences.join('\n') || 'no way to tell anybody: neither smtpUrl nor ntfyUrl nor webhookUrl',
    hint: 'set smtpUrl and email (docs/guard.md)',
  });
}
