// Mails leave by SMTP, where there is no SNS: by whatever server the operator names.

import { createTransport } from 'nodemailer';
import { OffsiteError } from '../base/errors.ts';
import type { Mail } from './mail.ts';

export type SmtpSettings = {
  /** `smtps://USER:PASSWORD@HOST:465`, or `smtp://HOST:25`. */
  readonly url: string;
  readonly from: string;
  readonly to: readonly string[];
};

export type Smtp = {
  /**
   * Hands a mail over.
   *
   * @returns The addresses that the server does not take mails to, if it took it for others.
   * @throws {@link OffsiteError} `MAIL_REFUSED`.
   */
  send(mail: Mail): Promise<readonly string[]>;
  /** Connects and signs in. @throws {@link OffsiteError} `MAIL_REFUSED`. */
  probe(): Promise<void>;
};

const patience = {
  connectionTimeout: 15_000,
  greetingTimeout: 15_000,
  dnsTimeout: 15_000,
  socketTimeout: 60_000,
};

/** Speaks to a server; nothing is sent before the first call. */
export function createSmtp({ url, from, to }: SmtpSettings): Smtp {
  const { hostname, username } = new URL(url);
  const isHere = /^(?:localhost|127\..*|\[::1\])$/.test(hostname);
  // A password goes over no wire that is not encrypted.
  const requireTLS = username !== '' && !isHere;
  const transport = createTransport({
    url,
    requireTLS,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...patience,
  });
  const asking = async <T>(ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask();
    } catch (error) {
      throw smtpError(error as SmtpTrouble, hostname);
    }
  };
  return {
    async send(mail) {
      const headers = { 'Auto-Submitted': 'auto-generated' };
      const { subject, text } = mail;
      const message = { from, to: [...to], subject, text, headers };
      return (await asking(() => transport.sendMail(message))).rejected.map(String);
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

function remedyOf({ code, message, responseCode }: SmtpTrouble): string {
  if (code === 'EAUTH')
    return 'look at user and password in smtpUrl (an app password, where the account has a second factor)';
  if (/certificate|self-signed/i.test(message))
    return "the server's certificate is trusted by nobody here, is of another name, or is over: name its authority by NODE_EXTRA_CA_CERTS=FILE.pem, or the name that it is for in smtpUrl; without a password, ?ignoreTLS=true behind smtpUrl sends in the clear";
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
    found: trouble.message.replaceAll(/\s+/g, ' '),
    hint: `${remedyOf(trouble)}; then 'offsite guard --check' looks`,
    cause: trouble,
  });
}
