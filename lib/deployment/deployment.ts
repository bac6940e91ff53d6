// What the operator chooses when deploying; environment.ts says how the programs that run in the cloud hear of it.

import * as z from 'zod';
import { sourcePattern } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';

const days = z.coerce.number().int().positive();
const periods = z.coerce.number().int().nonnegative().max(100).default(0);
// Not z.coerce.boolean(), for which the word `false` is true.
const yesOrNo = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);

const commaSeparated = z.union([
  z.string().transform((text) => text.split(',').map((name) => name.trim())),
  z.array(z.string()),
]);
const recipient = z.string().refine((endpoint) => protocolOf(endpoint) !== undefined);

/**
 * How SNS reaches a recipient.
 *
 * @returns `undefined` for what it does not reach: plain HTTP, a FIFO queue, a webhook with a password in its address.
 */
export function protocolOf(endpoint: string): 'email' | 'https' | 'sqs' | undefined {
  if (/^arn:[\w-]+:sqs:[\w-]+:\d{12}:[\w-]{1,80}$/.test(endpoint)) return 'sqs';
  if (/^https:\/\/[^\s,@/]+(\/[^\s,]*)?$/.test(endpoint) && URL.canParse(endpoint)) return 'https';
  return z.email().safeParse(endpoint).success ? 'email' : undefined;
}

/** What is promised of the archives, whoever keeps the promise: the cloud, or a guard of one's own. */
export const promiseShape = {
  /** Databases that archives are expected from. */
  sources: commaSeparated
    .pipe(z.array(z.string().regex(sourcePattern, 'a-z, 0-9 and - only')).min(1))
    .default(['bitagent']),
  keepDays: days.default(14),
  /** Intact archives that always stay, whatever their age. */
  keepIntact: z.coerce.number().int().min(1).default(7),
  /** Of how many weeks, months and years, in UTC, the newest intact archive stays besides. */
  keepWeekly: periods,
  keepMonthly: periods,
  keepYearly: periods,
  /** How many of a hundred kept archives are read again in a night. */
  rereadPercent: z.coerce.number().min(0).max(100).default(15),
  /** Age of the newest intact archive, in hours, past which the operator is told and retention stands still. */
  freshnessHours: z.coerce.number().positive().default(26),
  /** Age of the newest point in time that can be recovered, in minutes, past which the operator is told, where there is log. */
  rpoMinutes: z.coerce.number().positive().default(60),
  /** Age of the last passed restore test, in days, past which the operator is told. */
  restoreTestDays: days.default(100),
} as const;

/**
 * Context keys of the CDK app (`cdk.json`, `-c key=value`); everything has a default but the mail address. What each means says
 * lib/stack/props.ts, from where it goes into API.md.
 */
const deploymentSchema = z
  .strictObject({
    email: z.email(),
    alsoNotify: commaSeparated.pipe(z.array(recipient).max(10)).default([]),
    ...promiseShape,
    undoDays: days.default(7),
    objectLock: z.enum(['governance', 'compliance', 'off']).default('governance'),
    lockExistingBucket: yesOrNo.default(false),
    existingBucket: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)
      .optional(),
    existingKey: z
      .string()
      .regex(/^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/)
      .optional(),
    terminationProtection: yesOrNo.default(true),
    budgetDollars: z.coerce.number().positive().optional(),
    encryption: z.enum(['s3', 'kms']).default('s3'),
    glacierAfterDays: days.optional(),
    agentAccess: z.enum(['policy', 'user', 'rolesAnywhere']).default('policy'),
    agentCa: z.string().min(1).optional(),
    operatorMfa: yesOrNo.default(false),
    postgresMajor: z.coerce.number().int().min(13).max(18).default(16),
    restoreTestNetwork: z.enum(['public', 'endpoints']).default('public'),
    availabilityZones: commaSeparated
      .pipe(
        z
          .array(z.string().regex(/^[a-z]+\d+-az\d+$/))
          .min(1)
          .max(2),
      )
      .refine((ids) => new Set(ids).size === ids.length)
      .optional(),
    build: z.enum(['local', 'cloud']).default('local'),
    monitoring: z.enum(['lean', 'full']).default('lean'),
  })
  .superRefine((deployment, { addIssue }) => {
    const { agentAccess, agentCa, objectLock, lockExistingBucket, encryption, existingKey } = deployment;
    const refuse = (key: string) => addIssue({ code: 'custom', path: [key], message: key });
    if ((agentAccess === 'rolesAnywhere') !== (agentCa !== undefined)) refuse('agentCa');
    if (lockExistingBucket && objectLock === 'off') refuse('lockExistingBucket');
    if (existingKey !== undefined && encryption !== 'kms') refuse('existingKey');
    const all = [deployment.email, ...deployment.alsoNotify].map((endpoint) => endpoint.toLowerCase());
    if (new Set(all).size < all.length) refuse('alsoNotify');
  });

export type Deployment = z.infer<typeof deploymentSchema>;

type Setting = keyof Deployment;

const wholeDays = 'a whole number of days, 1 or more';
const wholePeriods = 'a whole number, 0 to 100; 0 keeps none for that';

/** What each has to be, for a person. */
export const wanted: Readonly<Record<Setting, string>> = {
  email: 'the mail address for reports and alerts',
  alsoNotify:
    'mail addresses, https:// addresses of webhooks (without a password), ARNs of SQS queues (not FIFO): at most 10, each once and none of them email, separated by commas',
  sources: 'names of a-z, 0-9 and -, separated by commas',
  keepDays: wholeDays,
  keepIntact: 'a whole number of archives, 1 or more',
  keepWeekly: wholePeriods,
  keepMonthly: wholePeriods,
  keepYearly: wholePeriods,
  rereadPercent: 'a number of percent, 0 to 100',
  freshnessHours: 'a number of hours, more than 0',
  rpoMinutes: 'a number of minutes, more than 0',
  restoreTestDays: wholeDays,
  undoDays: wholeDays,
  objectLock: 'governance, compliance or off',
  lockExistingBucket: 'true or false; true only where objectLock is not off',
  existingBucket: 'the name of the bucket that an earlier stack left',
  existingKey: 'with encryption=kms, and only then: the ARN of the key that an earlier stack left',
  terminationProtection: 'true or false',
  budgetDollars: 'US dollars a month, more than 0',
  encryption: 's3 or kms',
  glacierAfterDays: wholeDays,
  agentAccess: 'policy, user or rolesAnywhere',
  agentCa: 'with agentAccess=rolesAnywhere, and only then: a PEM file, or the ARN of a private CA of ACM',
  operatorMfa: 'true or false',
  postgresMajor: 'a major version of PostgreSQL, 13 to 18',
  restoreTestNetwork: 'public or endpoints',
  availabilityZones:
    'ids of one or two zones, as use1-az2, separated by commas (not names: us-east-1b is another zone in each account)',
  build: 'local or cloud',
  monitoring: 'lean or full',
};

/**
 * Reads what the operator chose from the context of the CDK app.
 *
 * @param context - All of the app's context. The CDK's own keys in it (feature flags, look-ups) are passed over; every
 *   other key is taken for one of ours, so that a misspelt one does not silently leave a default in place.
 * @throws {@link OffsiteError} `CONFIG_INVALID` naming every setting that is missing, wrong or unknown.
 */
export function parseDeployment(context: Readonly<Record<string, unknown>>): Deployment {
  const ours = Object.fromEntries(Object.entries(context).filter(([key]) => !isCdkKey(key)));
  return checkDeployment(
    ours,
    'npx cdk deploy -c email=you@example.com (bootstrap, diff and destroy want it too), or once for all under "context" in cdk.json',
  );
}

/**
 * Checks settings and completes them with their defaults.
 *
 * @param settings - Every key is taken for a setting.
 * @param hint - What to do where one is wrong.
 * @throws {@link OffsiteError} `CONFIG_INVALID` naming every setting that is missing, wrong or unknown.
 */
export function checkDeployment(settings: Readonly<Record<string, unknown>>, hint: string): Deployment {
  const parsed = deploymentSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const unknown = Object.keys(settings).filter((key) => !isSetting(key));
  const wrong = (Object.keys(wanted) as Setting[]).filter((key) =>
    parsed.error.issues.some((issue) => issue.path[0] === key),
  );
  throw new OffsiteError('CONFIG_INVALID', 'the settings of the deployment are not valid', {
    expected: [
      ...wrong.map((key) => `${key}: ${wanted[key]}`),
      ...(unknown.length > 0 ? [`only these settings: ${Object.keys(wanted).join(', ')}`] : []),
    ].join('\n'),
    found: [
      ...wrong.map(
        (key) => `${key}: ${Object.hasOwn(settings, key) ? JSON.stringify(settings[key]) : 'nothing'}`,
      ),
      ...unknown.map((key) => `${key}: no such setting`),
    ].join('\n'),
    hint,
  });
}

function isSetting(key: string): key is Setting {
  return Object.hasOwn(wanted, key);
}

// The CDK's keys are prefixed (`aws:cdk:…`, `@aws-cdk/…`, `availability-zones:…`) but for these.
const plainCdkKeys = ['cli-telemetry', 'acknowledged-issue-numbers', 'tree', 'cdk-migrate'];

function isCdkKey(key: string): boolean {
  return /[:/]/.test(key) || plainCdkKeys.includes(key);
}
