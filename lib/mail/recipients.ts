// Who gets the mails. SNS forgets a subscription that nobody confirms within 48 hours, and one that a link at the end of a mail
// takes back: from then on a fault is told to nobody, and that cannot be told by mail. So it is noted in the vault, where
// `offsite list` and `doctor` read it.

import * as z from 'zod';
import { watchPrefix } from '../archive/names.ts';
import { parseJson } from '../base/parse-json.ts';
import { formatInstant, hoursBetween } from '../base/quantities.ts';
import { composeMail, type Mail } from './mail.ts';

/** No source is called that. */
export const recipientsKey = `${watchPrefix}_recipients.json`;

/** A subscription as SNS lists it. */
export type Subscription = { readonly endpoint: string; readonly isConfirmed: boolean };

export const recipientsSchema = z.object({
  /** Who gets each mail: mail addresses, hosts of webhooks, queues. */
  confirmed: z.array(z.string()),
  /** Who was to get them, and does not. */
  missing: z.array(z.object({ name: z.string(), why: z.enum(['not confirmed', 'not subscribed']) })),
});

export type Recipients = z.infer<typeof recipientsSchema>;

const noteSchema = recipientsSchema.extend({
  format: z.literal(1),
  /** At most a day old. */
  lookedAt: z.iso.datetime(),
  /** ARN of the function that `offsite alert-test` asks. */
  reportArn: z.string(),
  /** When the others were told of who is missing, last. */
  toldAt: z.iso.datetime().optional(),
});

/** What `watch` leaves of it in the vault. */
export type RecipientsNote = z.infer<typeof noteSchema>;

/** @returns `undefined` for a text that cannot be read: it is written anew within the hour. */
export function parseRecipientsNote(text: string | undefined): RecipientsNote | undefined {
  return parseJson(noteSchema, text);
}

/** @param expected - Endpoints as the deployment names them. Others that are subscribed count as well. */
export function recipientsOf(
  expected: readonly string[],
  subscriptions: readonly Subscription[],
): Recipients {
  const confirmed = subscriptions.filter(({ isConfirmed }) => isConfirmed);
  const missing = expected
    .filter((endpoint) => !confirmed.some((one) => isSame(one.endpoint, endpoint)))
    .map((endpoint) => ({
      name: shownEndpoint(endpoint),
      why: subscriptions.some((one) => isSame(one.endpoint, endpoint))
        ? ('not confirmed' as const)
        : ('not subscribed' as const),
    }));
  return { confirmed: confirmed.map(({ endpoint }) => shownEndpoint(endpoint)), missing };
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** The path of a webhook is as good as a password. */
function shownEndpoint(endpoint: string): string {
  return /^https?:/.test(endpoint) ? `${new URL(endpoint).origin}/…` : endpoint;
}

const reminderHours = 24;

/**
 * Decides what is noted, and whether the others hear of who is missing: at once when somebody is, then daily.
 *
 * @param before - What was noted last.
 */
export function nextNote(
  recipients: Recipients,
  before: RecipientsNote | undefined,
  { reportArn, now }: { readonly reportArn: string; readonly now: Date },
): { readonly note: RecipientsNote; readonly isNews: boolean; readonly isChanged: boolean } {
  const { confirmed, missing } = recipients;
  const known = before?.missing.map(({ name }) => name) ?? [];
  const isDue =
    before?.toldAt === undefined ||
    hoursBetween(new Date(before.toldAt), now) >= reminderHours ||
    missing.some(({ name }) => !known.includes(name));
  const isNews = confirmed.length > 0 && missing.length > 0 && isDue;
  const toldAt = missing.length === 0 ? undefined : isNews ? now.toISOString() : before?.toldAt;
  const note = { format: 1 as const, lookedAt: now.toISOString(), reportArn, ...recipients, toldAt };
  const isOld = before === undefined || hoursBetween(new Date(before.lookedAt), now) >= reminderHours;
  return { note, isNews, isChanged: isOld || said(note) !== said(before) };
}

/** All but when it was. */
function said({ confirmed, missing, reportArn, toldAt }: RecipientsNote): string {
  return JSON.stringify([confirmed, missing, reportArn, toldAt]);
}

/** What to do about a recipient that is missing. */
const remedies = {
  'not confirmed':
    'confirm the subscription (the mail "AWS Notification - Subscription Confirmation", within 48 hours)',
  'not subscribed':
    'subscribe again (aws sns subscribe: docs/runbook.md, "Nobody hears"); to deploy again does not do it',
} as const;

/** @returns What is wrong with it and what to do, in two sentences at most; `undefined` if all get the mails. */
export function describeMissing({
  confirmed,
  missing,
}: Recipients): { found: string; advice: string } | undefined {
  const [first] = missing;
  if (confirmed.length > 0 && first === undefined) return undefined;
  const who = missing.map(({ name, why }) => `${name} (${why})`).join(', ');
  const found =
    confirmed.length === 0
      ? `NOBODY gets the mails about faults${who && `: ${who}`}`
      : `the mails do not reach ${who}`;
  return { found, advice: remedies[first?.why ?? 'not subscribed'] };
}

/** Tells those who get mails of those who do not. */
export function missingMail(recipients: Recipients): Mail {
  const { confirmed, missing } = recipients;
  const names = missing.map(({ name }) => name).join(', ');
  return composeMail(
    `[offsite] Mails do not reach ${names}`,
    [
      missing.map(({ name, why }) => `${name} is ${why}: it gets none of these mails.`).join('\n'),
      `You do: ${confirmed.join(', ')}. Archives are not concerned.`,
      `What to do: ${remedies[missing[0]?.why ?? 'not subscribed']}. If it was taken off on purpose, take it out of the settings (email, alsoNotify) and deploy.`,
      'This mail comes once a day until it is mended.',
    ],
    'nobodyHears',
  );
}

/** Asked for by `offsite alert-test`, as `report` is handed it. */
export const alertTestSchema = z.strictObject({
  alertTest: z.strictObject({
    /** Tells one test from another. */
    id: z.string().regex(/^[\w-]{1,60}$/),
    askedAt: z.iso.datetime(),
  }),
});

export function alertTestMail({ alertTest: { askedAt } }: z.infer<typeof alertTestSchema>): Mail {
  const asked = formatInstant(new Date(askedAt));
  return composeMail(`[offsite] Alert test of ${asked}: this is how you would hear of a fault`, [
    `Nothing is wrong. Somebody asked for this mail by 'offsite alert-test' at ${asked}, and it came by the way of all faults: the function report, the topic, your mailbox.`,
    'What to do: nothing. If it lay among the junk, let no mail of its sender go there.',
    'The link below that unsubscribes ends these mails for good, whoever opens it: do not hand them on with it.',
  ]);
}
