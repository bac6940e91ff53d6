// The settings of who keeps the promise without AWS: `offsite guard`, and the commands that do a part of it. What the stack
// has too is called as there, and is by default as there.

import * as z from 'zod';
import { promiseShape } from '../deployment/deployment.ts';
import { environmentNames } from '../deployment/environment.ts';
import { type GuardSetting, guardWords } from './guard-words.ts';

const { sources, keepDays, keepIntact, keepWeekly, keepMonthly, keepYearly } = promiseShape;
const { rereadPercent, freshnessHours, rpoMinutes, restoreTestDays } = promiseShape;

const addresses = z
  .union([z.string().transform((list) => list.split(',').map((one) => one.trim())), z.array(z.string())])
  .pipe(z.array(z.email('mail addresses, separated by commas')).min(1));

export const guardSchema = z.strictObject({
  sources: sources.describe(guardWords.sources),
  keepDays: keepDays.describe(guardWords.keepDays),
  keepIntact: keepIntact.describe(guardWords.keepIntact),
  keepWeekly: keepWeekly.describe(guardWords.keepWeekly),
  keepMonthly: keepMonthly.describe(guardWords.keepMonthly),
  keepYearly: keepYearly.describe(guardWords.keepYearly),
  rereadPercent: rereadPercent.describe(guardWords.rereadPercent),
  freshnessHours: freshnessHours.describe(guardWords.freshnessHours),
  rpoMinutes: rpoMinutes.describe(guardWords.rpoMinutes),
  restoreTestDays: restoreTestDays.describe(guardWords.restoreTestDays),
  email: addresses.optional().describe(guardWords.email),
  smtpUrl: z
    .url({ protocol: /^smtps?$/, error: 'a URL that begins with smtps:// or smtp://' })
    .optional()
    .describe(guardWords.smtpUrl),
  mailFrom: z.string().min(1).optional().describe(guardWords.mailFrom),
  objectLock: z.enum(['governance', 'compliance', 'off']).optional().describe(guardWords.objectLock),
  restoreUrl: z
    .url({ protocol: /^postgres(ql)?$/, error: 'a URL that begins with postgres://' })
    .optional()
    .describe(guardWords.restoreUrl),
  postgresMajor: z.coerce.number().int().min(13).max(18).default(16).describe(guardWords.postgresMajor),
});

export type GuardSettings = z.infer<typeof guardSchema>;

/** Their names in the environment: where the stack hands the same to its functions, as there. */
export const guardVariables = {
  [environmentNames.sources]: ['guard', 'sources'],
  [environmentNames.keepDays]: ['guard', 'keepDays'],
  [environmentNames.keepIntact]: ['guard', 'keepIntact'],
  [environmentNames.keepWeekly]: ['guard', 'keepWeekly'],
  [environmentNames.keepMonthly]: ['guard', 'keepMonthly'],
  [environmentNames.keepYearly]: ['guard', 'keepYearly'],
  [environmentNames.rereadPercent]: ['guard', 'rereadPercent'],
  [environmentNames.freshnessHours]: ['guard', 'freshnessHours'],
  [environmentNames.rpoMinutes]: ['guard', 'rpoMinutes'],
  [environmentNames.restoreTestDays]: ['guard', 'restoreTestDays'],
  OFFSITE_EMAIL: ['guard', 'email'],
  OFFSITE_SMTP_URL: ['guard', 'smtpUrl'],
  OFFSITE_MAIL_FROM: ['guard', 'mailFrom'],
  OFFSITE_OBJECT_LOCK: ['guard', 'objectLock'],
  OFFSITE_RESTORE_URL: ['guard', 'restoreUrl'],
  OFFSITE_POSTGRES_MAJOR: ['guard', 'postgresMajor'],
} as const satisfies Readonly<Record<string, readonly ['guard', GuardSetting]>>;
