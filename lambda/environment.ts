// The environment that the stack gives a handler, checked when the handler is called.

import * as z from 'zod';
import { OffsiteError } from '../lib/base/errors.ts';
import { environmentNames } from '../lib/deployment/environment.ts';

const text = z.string().min(1);
const list = text.transform((names) => names.split(','));
const number = z.coerce.number().positive();
const count = z.coerce.number().int().nonnegative();

const schemas = {
  bucket: text,
  topicArn: text,
  recipients: list,
  reportArn: text,
  rangesArn: text,
  sources: list,
  keepDays: number,
  keepIntact: number,
  keepWeekly: count,
  keepMonthly: count,
  keepYearly: count,
  rereadPercent: z.coerce.number().min(0).max(100),
  lockMode: z.enum(['GOVERNANCE', 'COMPLIANCE', 'OFF']),
  freshnessHours: number,
  restoreTestDays: number,
  rpoMinutes: number,
  clusterArn: text,
  taskDefinitionArn: text,
  volumeTaskDefinitionArn: text,
  verifyTaskDefinitionArn: text,
  volumeRoleArn: text,
  subnetIds: list,
  securityGroupId: text,
  assignPublicIp: z.enum(['ENABLED', 'DISABLED']),
} as const;

type Name = keyof typeof schemas;

/**
 * Reads the named settings.
 *
 * @throws {@link OffsiteError} `CONFIG_INVALID` if one is missing or wrong.
 */
export function environment<K extends Name>(...names: K[]): { [P in K]: z.output<(typeof schemas)[P]> } {
  const read = names.map((name) => {
    const variable = environmentNames[name];
    const parsed = schemas[name].safeParse(process.env[variable]);
    if (parsed.success) return [name, parsed.data];
    throw new OffsiteError('CONFIG_INVALID', `the environment lacks a usable ${variable}`, {
      expected: `${variable} as the stack sets it`,
      found: process.env[variable] === undefined ? 'nothing' : z.prettifyError(parsed.error),
      hint: 'deploy again: npx cdk deploy',
    });
  });
  return Object.fromEntries(read);
}
