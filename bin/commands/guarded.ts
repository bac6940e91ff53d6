// What the commands that keep the promise without AWS have in common: their settings, their store, and who hears of it.

import { OffsiteError } from '../../lib/base/errors.ts';
import { printableLines } from '../../lib/base/printable.ts';
import { createVaultProbe } from '../../lib/doctor/probe.ts';
import { createMailbox, type Mailbox } from '../../lib/guard/mailbox.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import { createSmtp, type Smtp } from '../../lib/mail/smtp.ts';
import { createLocks, type ExtendLock } from '../../lib/retention/lock.ts';
import type { Settings } from '../../lib/settings/config.ts';
import type { GuardSettings } from '../../lib/settings/guard.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { tell, warn } from './print.ts';

/** Whether anybody can be told but who sits here. */
function hasWay({ ntfyUrl, webhookUrl }: Settings, { smtpUrl }: GuardSettings): boolean {
  return [smtpUrl, ntfyUrl, webhookUrl].some((way) => way !== undefined);
}

/** @throws {@link OffsiteError} `CONFIG_INVALID` where nobody could be told. */
export function assertHeard(settings: Settings, guard: GuardSettings): void {
  if (hasWay(settings, guard)) return;
  throw new OffsiteError('CONFIG_INVALID', 'nobody would hear of what the guard finds', {
    expected: 'smtpUrl with email, ntfyUrl, or webhookUrl in the settings',
    found: 'none of them',
    hint: 'set OFFSITE_SMTP_URL=smtps://USER:PASSWORD@HOST and OFFSITE_EMAIL (docs/guard.md)',
  });
}

/** The server that mails leave by, if one is set. */
export function smtpOf({ smtpUrl: url, email: to = [], mailFrom }: GuardSettings): Smtp | undefined {
  if (url === undefined) return undefined;
  const [first] = to;
  if (first !== undefined) return createSmtp({ url, from: mailFrom ?? first, to });
  throw new OffsiteError('CONFIG_INVALID', 'it is not said where mails go', {
    expected: 'email in the settings, with smtpUrl',
    found: 'smtpUrl alone',
    hint: 'set OFFSITE_EMAIL, or email under guard in the settings file (docs/guard.md)',
  });
}

/** Where mails go; without a way to anybody, to stderr. */
export function mailboxOf(store: ArchiveStore, settings: Settings, guard: GuardSettings): Mailbox {
  if (!hasWay(settings, guard))
    return { sendMail: async (mail) => show(mail), sendKept: async () => {}, trouble: () => undefined };
  const smtp = smtpOf(guard);
  return createMailbox({ store, smtp, receivers: settings, now: () => new Date(), warn });
}

function show({ subject, text }: Mail): void {
  tell(printableLines(`offsite: would be mailed, if smtpUrl were set:\n${subject}\n\n${text}`));
}

/** How the vault's locks are extended: as the settings say, else as the bucket's own rule does. */
export async function extendLockOf(
  settings: Settings,
  { objectLock, sources }: GuardSettings,
): Promise<ExtendLock | undefined> {
  if (objectLock === 'off') return undefined;
  if (objectLock !== undefined)
    return createLocks(settings, objectLock === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE');
  const rule = await createVaultProbe(settings, sources[0] as string).lockRule();
  if (rule.outcome === 'failed') throw rule.error;
  if (rule.outcome === 'refused')
    warn('these credentials may not see whether the vault has Object Lock: no lock is extended (objectLock)');
  const mode = rule.outcome === 'done' ? rule.value : undefined;
  return mode && createLocks(settings, mode);
}
