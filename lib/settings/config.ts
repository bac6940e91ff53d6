// The agent's and the operator's settings: a file, then the environment, then the command line, each over the one
// before. A key that is not known is an error: a misspelt setting must not silently mean its default.

import * as z from 'zod';
import { sourcePattern } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { providerNames } from '../store/provider.ts';
import { namesOfRebuilt } from './rebuilt.ts';

const text = z.string().min(1);

const dumpSchema = z.discriminatedUnion('via', [
  /** `pg_dump` on this machine, to a server that libpq's environment or a URL names. */
  z.strictObject({ via: z.literal('server'), url: text.optional() }),
  /** `pg_dump` inside a container, by `docker exec`. */
  z.strictObject({
    via: z.literal('container'),
    container: text,
    user: text.optional(),
    database: text.optional(),
    password: text.optional(),
  }),
  /** Any program that writes a plain dump to stdout. */
  z.strictObject({ via: z.literal('command'), command: z.array(text).min(1) }),
]);

/** A name, or the ARN of an access point, which has a region; what names a place within it is taken for a slip. */
const bucketSchema = z
  .string()
  .regex(
    /^(arn:[^:]+:s3[\w-]*:[^:]+:\d+:[\w:/.-]+|[\w][\w.-]*)$/,
    "the bucket's name alone, without s3:// and without a path",
  );

const webUrl = z.url({ protocol: /^https?$/, error: 'a URL that begins with https:// or http://' });

const settingsSchema = z.strictObject({
  source: z.string().regex(sourcePattern, 'a-z, 0-9 and -, at most 40').default('bitagent'),
  bucket: bucketSchema,
  region: z
    .string()
    .regex(
      /^(?![a-z]{2}(-[a-z]+)+-\d[a-z]$)[A-Za-z0-9-]+$/,
      'one like eu-west-1, without the letter of a zone',
    )
    .optional(),
  endpoint: z
    .url({ protocol: /^https?$/, error: 'a URL that begins with https:// or http://' })
    .regex(/^[^@?#]*$/, 'an address alone, without user, password or parameters')
    .optional(),
  /** A file with the certificates of the authorities that the store's is signed by. */
  caBundle: text.optional(),
  /** Which store it is; without it AWS, or with an endpoint of its own one that nobody knows. */
  provider: z.enum(providerNames).optional(),
  profile: text.optional(),
  dump: dumpSchema.default({ via: 'server' }),
  /** Told when a back-up begins and how it ends, as Healthchecks wants it. */
  pingUrl: webUrl.optional(),
  /** A topic of ntfy, and any that takes JSON. */
  ntfyUrl: webUrl.optional(),
  webhookUrl: webUrl.optional(),
  /** Of which ends these two are told: failures only, if it is not said. */
  notify: z.enum(['failures', 'always']).optional(),
  /** Prometheus' text for node_exporter's textfile collector. */
  metricsFile: text.optional(),
  /** The dashboard's own database (SQLite); without this, nobody looks at it. */
  sidecar: z.strictObject({ path: text.optional(), container: text.optional() }).optional(),
});

/** Stores that give each bucket a host of its own. */
const ownHosts = /^[^.]+\.(s3[.-]|[\w-]+\.(digitaloceanspaces\.com|r2\.cloudflarestorage\.com)$)/;

/** What the store would be asked for twice. */
function namesBucket({ bucket, endpoint }: Pick<Settings, 'bucket' | 'endpoint'>): boolean {
  if (endpoint === undefined) return false;
  const { hostname, pathname } = new URL(endpoint);
  const isOfBucket = hostname.startsWith(`${bucket.toLowerCase()}.`);
  return (isOfBucket && ownHosts.test(hostname)) || pathname.split('/').includes(bucket);
}

/** How the dump is taken. */
export type DumpSettings = z.infer<typeof dumpSchema>;
export type Settings = z.infer<typeof settingsSchema>;

/** Settings as they come from one place, before they are checked. */
export type RawSettings = { readonly [key: string]: unknown; readonly dump?: unknown };

const environmentKeys = {
  OFFSITE_SOURCE: ['source'],
  OFFSITE_BUCKET: ['bucket'],
  OFFSITE_REGION: ['region'],
  OFFSITE_ENDPOINT: ['endpoint'],
  OFFSITE_PROVIDER: ['provider'],
  OFFSITE_PROFILE: ['profile'],
  OFFSITE_DATABASE_URL: ['dump', 'url', 'server'],
  OFFSITE_CONTAINER: ['dump', 'container', 'container'],
  OFFSITE_CONTAINER_USER: ['dump', 'user', 'container'],
  OFFSITE_CONTAINER_DATABASE: ['dump', 'database', 'container'],
  OFFSITE_CONTAINER_PASSWORD: ['dump', 'password', 'container'],
  OFFSITE_SIDECAR_PATH: ['sidecar', 'path'],
  OFFSITE_SIDECAR_CONTAINER: ['sidecar', 'container'],
  OFFSITE_PING_URL: ['pingUrl'],
  OFFSITE_NTFY_URL: ['ntfyUrl'],
  OFFSITE_WEBHOOK_URL: ['webhookUrl'],
  OFFSITE_NOTIFY: ['notify'],
  OFFSITE_METRICS_FILE: ['metricsFile'],
} as const;

/** Settings of the environment that are not settings of an archive. */
const otherEnvironmentKeys = ['OFFSITE_CONFIG', 'OFFSITE_NOHUP'];

/**
 * Picks the settings out of the environment.
 *
 * @throws {@link OffsiteError} `CONFIG_INVALID` for an `OFFSITE_…` variable that is not known.
 */
export function settingsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): RawSettings {
  const known = [...Object.keys(environmentKeys), ...otherEnvironmentKeys];
  const unknown = Object.keys(environment).filter(
    (name) => name.startsWith('OFFSITE_') && !known.includes(name),
  );
  if (unknown.length > 0) {
    throw new OffsiteError('CONFIG_INVALID', `unknown setting in the environment: ${unknown.join(', ')}`, {
      expected: `one of ${known.join(', ')}`,
      found: unknown.join(', '),
      hint: 'mend its name, or unset it',
    });
  }
  const settings: Record<string, unknown> = {};
  const dump: Record<string, unknown> = {};
  const sidecar: Record<string, unknown> = {};
  for (const [name, [section, key, via]] of Object.entries(environmentKeys)) {
    const value = environment[name];
    if (value === undefined || value === '') continue;
    if (key === undefined) settings[section] = value;
    else if (section === 'sidecar') sidecar[key] = value;
    else Object.assign(dump, { via, [key]: value });
  }
  const parts = Object.entries({ dump, sidecar }).filter(([, part]) => Object.keys(part).length > 0);
  return { ...settings, ...Object.fromEntries(parts) };
}

/** The variables that say the same as settings do, where there are any. */
export function environmentOf(settings: RawSettings): Record<string, string> {
  const found = Object.entries(environmentKeys).flatMap(([name, [section, key]]) => {
    const part = settings[section];
    const value = key === undefined ? part : isObject(part) && part[key];
    return typeof value === 'string' ? [[name, value]] : [];
  });
  return Object.fromEntries(found);
}

/** Whether a variable says how to dump. */
export function isDumpVariable(name: string): boolean {
  return environmentKeys[name as keyof typeof environmentKeys]?.[0] === 'dump';
}

/**
 * Merges settings and checks them.
 *
 * @param layers - Later ones win; `dump` is taken over whole, unless both name the same way of dumping.
 * @param origin - Where they come from, for the error: `offsite.json, the environment and the command line`.
 * @throws {@link OffsiteError} `CONFIG_INVALID` that names every fault. No value is repeated: it may be a secret.
 */
export function parseSettings(layers: readonly RawSettings[], origin: string): Settings {
  const merged = layers.reduce(mergeSettings, {});
  const parsed = settingsSchema.safeParse(merged);
  const issues = parsed.error?.issues ?? [];
  const faults = parsed.success
    ? faultsOf(parsed.data)
    : issues.map((issue) => `${issue.path.join('.') || 'settings'}: ${describeIssue(issue)}`);
  if (parsed.success && faults.length === 0) return parsed.data;
  throw new OffsiteError('CONFIG_INVALID', `the settings from ${origin} cannot be used`, {
    expected: `the keys ${Object.keys(settingsSchema.shape).join(', ')} (see docs/agent.md)`,
    found: faults.join('\n'),
    hint: issues.some(({ path }) => path[0] === 'bucket')
      ? 'name the bucket: --bucket NAME, OFFSITE_BUCKET, or "bucket" in the settings file (output BucketName of \'npx cdk deploy\')'
      : 'mend the setting that is named above',
  });
}

/** Of settings that are well formed. */
function faultsOf(settings: Settings): string[] {
  const bucket = namesBucket(settings)
    ? ["endpoint: the store's own address, without the bucket, which each request names"]
    : [];
  return [...bucket, ...namesOfRebuilt(settings)];
}

function mergeSettings(below: RawSettings, above: RawSettings): RawSettings {
  const one = below.dump;
  const other = above.dump;
  const sameWay = isObject(one) && isObject(other) && (one.via === other.via || other.via === undefined);
  return { ...below, ...above, ...(sameWay ? { dump: { ...one, ...other } } : {}) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `unknown ${issue.keys.map((key) => `'${key}'`).join(', ')}`;
  if (issue.code === 'invalid_type' && issue.input === undefined) return 'is missing';
  return issue.message;
}
