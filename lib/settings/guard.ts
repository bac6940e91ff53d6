// The settings of who keeps the promise without AWS: `offsite guard`, and the commands that do a part of it. What the stack
// has too is called as there, and is by default as there.

import * as z from 'zod';
import { promiseShape } from '../deployment/deployment.ts';
import { environmentNames } from '../deployment/environment.ts';
import { type GuardSetting, guardWords } from './guard-words.ts';

const { sources, keepDays, keepIntact, keepWeekly, keepMonthly, keepYearly } = promiseShape;
const { rereadPercent, freshnessHours, rpoMinutes, restoreTestDays } = promiseShape;
const kept = { sources, keepDays, keepIntact, keepWeekly, keepMonthly, keepYearly };

const addresses = z
  .union([z.string().transform((list) => list.split(',').map((one) => one.trim())), z.array(z.string())])
  .pipe(z.array(z.email('mail addresses, separated by commas')).min(1));

const shape = {
  ...{ ...kept, rereadPercent, freshnessHours, rpoMinutes, restoreTestDays },
  email: addresses.optional(),
  smtpUrl: z.url({ protocol: /^smtps?$/, error: 'a URL that begins with smtps:// or smtp://' }).optional(),
  mailFrom: z.string().min(1).optional(),
  objectLock: z.enum(['governance', 'compliance', 'off']).optional(),
  restoreUrl: z.url({ protocol: /^postgres(ql)?$/, error: 'a URL that begins with postgres://' }).optional(),
  postgresMajor: z.coerce.number().int().min(13).max(18).default(16),
} satisfies Record<GuardSetting, z.ZodType>;

const settings = Object.keys(guardWords) as GuardSetting[];

export const guardSchema = z.strictObject(
  Object.fromEntries(settings.map((name) => [name, shape[name].describe(guardWords[name])])) as typeof shape,
);

export type GuardSettings = z.infer<typeof guardSchema>;

/** Their names in the environment: where the stack hands the same to its functions, as there. */
export const guardVariables = Object.fromEntries(
  settings.map((name) => [variableFor(name), ['guard', name] as const]),
);

function variableFor(name: GuardSetting): string {
  const words = name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return (environmentNames as Readonly<Record<string, string>>)[name] ?? `OFFSITE_${words}`;
}
