// The settings of who keeps the promise without AWS: `offsite guard`, and the commands that do a part of it. What the stack
// has too is called as there, and is by default as there.

import * as z from 'zod';
import { promiseShape } from '../deployment/deployment.ts';
import { environmentNames } from '../deployment/environment.ts';

const { sources, keepDays, keepIntact, keepWeekly, keepMonthly, keepYearly } = promiseShape;
const { rereadPercent, freshnessHours, restoreTestDays } = promiseShape;

const addresses = z
  .union([z.string().transform((list) => list.split(',').map((one) => one.trim())), z.array(z.string())])
  .pipe(z.array(z.email('mail addresses, separated by commas')).min(1));

/** Each with what it is for, as the help of a command says it. */
export const guardSchema = z.strictObject({
  sources: sources.describe('whose archives are expected, separated by commas (default: bitagent)'),
  keepDays: keepDays.describe('how long an archive stays (default: 14)'),
  keepIntact: keepIntact.describe('intact archives that always stay (default: 7)'),
  keepWeekly: keepWeekly.describe('weeks of which the newest intact archive stays besides (default: 0)'),
  keepMonthly: keepMonthly.describe('months likewise (default: 0)'),
  keepYearly: keepYearly.describe('years likewise (default: 0)'),
  rereadPercent: rereadPercent.describe(
    'how many of a hundred archives are read again each night (default: 15)',
  ),
  freshnessHours: freshnessHours.describe(
    'age of the newest intact archive from which you are told (default: 26)',
  ),
  restoreTestDays: restoreTestDays.describe('age of the last passed restore test, likewise (default: 100)'),
  email: addresses.optional().describe('where mails go; several are separated by commas'),
  smtpUrl: z
    .url({ protocol: /^smtps?$/, error: 'a URL that begins with smtps:// or smtp://' })
    .optional()
    .describe('by which server: smtps://USER:PASSWORD@HOST'),
  mailFrom: z
    .string()
    .min(1)
    .optional()
    .describe('the address that mails come from (default: the first of email)'),
  objectLock: z
    .enum(['governance', 'compliance', 'off'])
    .optional()
    .describe("how locks are extended: governance, compliance, off (default: the bucket's own)"),
  restoreUrl: z
    .url({ protocol: /^postgres(ql)?$/, error: 'a URL that begins with postgres://' })
    .optional()
    .describe('a server for restore tests alone (default: one is made and thrown away)'),
  postgresMajor: z.coerce
    .number()
    .int()
    .min(13)
    .max(18)
    .default(16)
    .describe("of the restore test's server, where Docker runs it (default: 16)"),
});

export type GuardSettings = z.infer<typeof guardSchema>;
export type GuardSetting = keyof GuardSettings;

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
  [environmentNames.restoreTestDays]: ['guard', 'restoreTestDays'],
  OFFSITE_EMAIL: ['guard', 'email'],
  OFFSITE_SMTP_URL: ['guard', 'smtpUrl'],
  OFFSITE_MAIL_FROM: ['guard', 'mailFrom'],
  OFFSITE_OBJECT_LOCK: ['guard', 'objectLock'],
  OFFSITE_RESTORE_URL: ['guard', 'restoreUrl'],
  OFFSITE_POSTGRES_MAJOR: ['guard', 'postgresMajor'],
} as const satisfies Readonly<Record<string, readonly ['guard', GuardSetting]>>;
