// Mails leave by SMTP, where there is no SNS: by whatever server the operator names.

import { createTransport } from 'nodemailer';
import { OffsiteError } from '../base/errors.ts';
import { inTime } from '../base/in-time.ts';
import type { Mail } from './mail.ts';

export type SmtpSettings = {
  /** `smtps://USER:PASSWORD@HOST:465`, or `smtp://HOST:25`. */
  readonly url: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly patience?: SmtpPatience | undefined;
};

export type SmtpPatience = {
  /** With a server that does not greet, and with one that says nothing. */
  readonly greetingMs: number;
  readonly silenceMs: number;
  /** With all of a mail: one that says a word now and then is never silent. */
  readonly mailMs: number;
};

/** Of a mail that was taken, the addresses that it was not taken for: for good, or for now. */
export type Untaken = { readonly refused: readonly string[]; readonly later: readonly string[] };

export type Smtp = {
  /**
   * @param only - To those of the addresses; to all where none is among them.
   * @throws {@link OffsiteError} `MAIL_REFUSED`.
   */
  send(mail: Mail, only?: readonly string[]): Promise<Untaken>;
  /** Connects and signs in. @throws {@link OffsiteError} `MAIL_REFUSED`. */
  probe(): Promise<void>;
};

const usualPatience: SmtpPatience = { greetingMs: 15_000, silenceMs: 60_000, mailMs: 180_000 };

/** Speaks to a server; nothing is sent before the first call. */
export function createSmtp({ url, from, to, patience = usualPatience }: SmtpSettings): Smtp {
  const { hostname, username } = new URL(url);
  const isHere = /^(?:localhost|127\..*|\[::1\])$/.test(hostname);
  // A password goes over no wire that is not encrypted.
  const requireTLS = username !== '' && !isHere;
  const transport = createTransport({
    url,
    requireTLS,
    disableFileAccess: true,
    disableUrlAccess: true,
    connectionTimeout: patience.greetingMs,
    greetingTimeout: patience.greetingMs,
    dnsTimeout: patience.greetingMs,
    socketTimeout: patience.silenceMs,
  });
  const asking = async <T>(ask: () => Promise<T>): Promise<T> => {
    try {
      return await inTime(ask(), patience.mailMs);
    } catch (error) {
      throw smtpError(error as SmtpTrouble, hostname);
    }
  };
  return {
    async send({ subject, text }, only = to) {
      const headers = { 'Auto-Submitted': 'auto-generated' };
      const some = to.filter((address) => only.includes(address));
      const message = { from, to: some.length > 0 ? some : [...to], subject, text, headers };
      const { rejected, rejectedErrors = [] } = await asking(() => transport.sendMail(message));
      const later = rejectedErrors.filter(isForNow).map(({ recipient }) => String(recipient));
      return { refused: rejected.map(String).filter((address) => !later.includes(address)), later };
    },
    probe: () => asking(async () => void (await transport.verify())),
  };
}

type SmtpTrouble = { readonly message: string; readonly code?: string; readonly responseCode?: number };

/** Whether the server answered, and refused this very mail: another one may go through. */
export function refusesOneMail(error: unknown): boolean {
  const cause = (error as Error).cause as SmtpTrouble | undefined;
  return cause?.responseCode !== undefined && cause.code !== 'EAUTH';
}

/** Greylisting, a full mailbox, a server that is busy: the same mail may be taken in an hour. */
function isForNow({ responseCode = 0 }: { readonly responseCode?: number | undefined }): boolean {
  return responseCode >= 400 && responseCode < 500;
}

function remedyOf({ code, message, responseCode }: SmtpTrouble): string {
  if (code === 'EAUTH')
    return 'look at user and password in smtpUrl (an app password, where the account has a second factor)';
  if (/certificate|self-signed/i.test(message))
    return "the server's certificate is trusted by nobody here, is of another name, or is over: name its authority by NODE_EXTRA_CA_CERTS=FILE.pem, or the name that it is for in smtpUrl; without a password, ?ignoreTLS=true behind smtpUrl sends in the clear";
  if (/wrong version number|packet length too long/.test(message))
    return 'what answers at this port begins without TLS: say smtp:// in smtpUrl, with the port of STARTTLS (587), or name the port of TLS (465)';
  if (code !== 'EAUTH' && isForNow({ responseCode }))
    return 'the server refuses it for now (greylisting, a full mailbox, too many mails): nothing has to be done unless it stays so, the next run of the guard sends it';
  if (code === 'ETLS') return 'say smtps:// in smtpUrl, with the port of TLS (465)';
  if (code === 'EENVELOPE')
    return 'the server takes no mail from or to these addresses: mend email (OFFSITE_EMAIL) or mailFrom, or sign in (smtps://USER:PASSWORD@HOST in smtpUrl)';
  if (responseCode !== undefined)
    return "what was found is the server's own word; where it takes no mail of ours, name another in smtpUrl";
  return 'see whether host and port in smtpUrl are right, and may be reached from here (many networks close port 25: smtps:// with 465 is open more often)';
}

function smtpError(trouble: SmtpTrouble, host: string): OffsiteError {
  return new OffsiteError('MAIL_REFUSED', `the mail server ${host} did not take a mail`, {
    expected: 'a server that takes it, of smtpUrl',
    // Of OpenSSL's line of places, what it is about.
    found: trouble.message
      .replace(/^.*:SSL routines:\w*:([^:]+):[\s\S]*$/, 'TLS: $1')
      .replace(/; if the root CA is installed locally.*/, '')
      .replaceAll(/\s+/g, ' '),
    hint: `${remedyOf(trouble)}; then 'offsite guard --check' looks`,
    cause: trouble,
  });
}
