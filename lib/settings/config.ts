// The agent's and the operator's settings: a file, then the environment, then the command line, each over the one
// before. A key that is not known is an error: a misspelt setting must not silently mean its default.

import * as z from 'zod';
import { sourcePattern } from '../archive/names.ts';
import { closest } from '../base/closest.ts';
import { OffsiteError } from '../base/errors.ts';
import { wanted } from '../deployment/deployment.ts';
import { providerNames } from '../store/provider.ts';
import { settingBy } from './environment.ts';
import { guardSchema } from './guard.ts';
import {
  isObject,
  type Layer,
  mergeLayers,
  originOf,
  type RawSettings,
  type SettingPath,
  valueAt,
} from './layers.ts';
import { namesOfRebuilt } from './rebuilt.ts';

const text = z.string().min(1);

const dumpSchema = z
  .discriminatedUnion('via', [
    z
      .strictObject({
        via: z.literal('server'),
        url: text.optional().describe('postgres://user@host/database; without it PGHOST, PGUSER … decide'),
      })
      .describe('pg_dump on this machine, to a server'),
    z
      .strictObject({
        via: z.literal('container'),
        container: text.describe('its name'),
        user: text.optional().describe('inside it (default: postgres)'),
        database: text.optional().describe("inside it (default: the user's name)"),
        password: text.optional().describe('where the server inside asks for one'),
      })
      .describe('pg_dump inside a container, by docker exec'),
    z
      .strictObject({
        via: z.literal('command'),
        command: z
          .array(text)
          .min(1)
          .describe('a program and its arguments: ["ssh", "db", "pg_dump bitmagnet"]'),
      })
      .describe('any program that writes a plain pg_dump to stdout'),
  ])
  .describe('how the dump is taken: via server, container or command');

/** A name, or the ARN of an access point, which has a region; what names a place within it is taken for a slip. */
const bucketSchema = z
  .string()
  .regex(
    /^(arn:[^:]+:s3[\w-]*:[^:]+:\d+:[\w:/.-]+|[\w][\w.-]*)$/,
    "the bucket's name alone, without s3:// and without a path",
  );

const webUrl = z.url({ protocol: /^https?$/, error: 'a URL that begins with https:// or http://' });
const sourceName = z
  .string()
  .regex(sourcePattern, 'a-z, 0-9 and -, at most 40')
  .describe("the database's name in the vault (default: bitagent)");

const settingsSchema = z.strictObject({
  source: sourceName.default('bitagent'),
  bucket: bucketSchema.describe("the vault: output BucketName of 'npx cdk deploy', or any S3 bucket"),
  region: z
    .string()
    .regex(
      /^(?![a-z]{2}(-[a-z]+)+-\d[a-z]$)[A-Za-z0-9-]+$/,
      'one like eu-west-1, without the letter of a zone',
    )
    .optional()
    .describe("the vault's"),
  endpoint: webUrl
    .regex(/^[^@?#]*$/, 'an address alone, without user, password or parameters')
    .optional()
    .describe('of an S3-compatible store; not for AWS'),
  caBundle: text.optional().describe("a file with the certificates of who signed the store's"),
  provider: z
    .enum(providerNames)
    .optional()
    .describe('which store it is (default: AWS, or with an endpoint: other)'),
  profile: text.optional().describe('of ~/.aws: whose credentials'),
  dump: dumpSchema.default({ via: 'server' }),
  pingUrl: webUrl.optional().describe('told when a back-up begins and ends, as Healthchecks wants it'),
  ntfyUrl: webUrl.optional().describe('a topic of ntfy'),
  webhookUrl: webUrl.optional().describe('any that takes JSON (Slack, Discord, …)'),
  notify: z
    .enum(['failures', 'always'])
    .optional()
    .describe('of which ends ntfyUrl and webhookUrl are told (default: failures)'),
  metricsFile: text.optional().describe("Prometheus' text, for node_exporter's textfile collector"),
  sidecar: z
    .strictObject({
      path: text.optional().describe('of the file (in a container: /data/bitagent-ui.db)'),
      container: text.optional().describe('where it is'),
    })
    .optional()
    .describe("the dashboard's own database (SQLite); without this, nobody looks at it"),
  guard: guardSchema.optional().describe("of 'offsite guard', and of what does a part of it (docs/guard.md)"),
});

const partialSettings = settingsSchema
  .extend({
    source: sourceName.optional(),
    dump: dumpSchema.optional(),
  })
  .partial();

/** A settings file: what all sources share, and of each what is its own. */
const fileSchema = partialSettings.extend({
  $schema: text.optional().describe("where an editor finds what 'offsite config --schema' prints"),
  sources: z
    .record(sourceName, partialSettings.omit({ source: true }).nullable())
    .optional()
    .describe('where there are several: name to settings, each over those above'),
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

const waysToDump = dumpSchema.options.map(({ shape }) => shape.via.value);

export type DumpSettings = z.infer<typeof dumpSchema>;
export type Settings = z.infer<typeof settingsSchema>;

/**
 * @param layers - Later ones win, `guard` setting by setting; `dump` whole, unless both name the same way of dumping.
 * @param origin - Where they come from, for the error: `offsite.json, the environment and the command line`.
 * @throws {@link OffsiteError} `CONFIG_INVALID` that names every fault and its place. No value is repeated: it may be a
 *   secret.
 */
export function parseSettings(layers: readonly Layer[], origin: string): Settings {
  const merged = mergeLayers(layers);
  const parsed = settingsSchema.safeParse(merged);
  const issues = parsed.error?.issues ?? [];
  const faults = parsed.success
    ? faultsOf(parsed.data)
    : issues.flatMap((issue) => faultsOfIssue(issue, merged));
  if (parsed.success && faults.length === 0) return parsed.data;
  const [way] = issues.flatMap(({ path }) => ways[path.join('.')] ?? []);
  const init =
    merged.bucket === undefined ? "'offsite init' asks for what is needed, and writes it; or " : '';
  throw new OffsiteError('CONFIG_INVALID', `the settings from ${origin} cannot be used`, {
    expected: 'settings that there are, each of its kind',
    found: faults
      .map(({ path, sentence }) => {
        const place = originOf(layers, path);
        return `${path.join('.')}${place === undefined ? '' : ` (${place})`}: ${sentence}`;
      })
      .join('\n'),
    hint: `${init}${way ?? 'mend what is named above (docs/agent.md says what each is)'}`,
  });
}

/** Where a setting that is wanted can be said, by its path. */
const ways: Readonly<Record<string, string>> = {
  bucket:
    'name the bucket: --bucket NAME, OFFSITE_BUCKET, or "bucket" in the settings file (of the stack it is the output BucketName)',
  'dump.container':
    'name the container of Postgres: --container NAME, or OFFSITE_CONTAINER; without one, user and database are for PGUSER and PGDATABASE, or --url, to say',
};

/** What is wrong with a value of one setting, in words; `undefined` if nothing is. */
export function faultOfSetting(key: string, value: unknown): string | undefined {
  const [issue] = settingsSchema.shape[key as keyof Settings].safeParse(value).error?.issues ?? [];
  return issue && wantedBy(issue, valueAt(value, issue.path));
}

export function settingsFileSchema(): object {
  return z.toJSONSchema(fileSchema, { io: 'input' });
}

type Fault = { readonly path: SettingPath; readonly sentence: string };

/** Of settings that are well formed. */
function faultsOf(settings: Settings): Fault[] {
  const sentence = "the store's own address, without the bucket, which each request names";
  const bucket = namesBucket(settings) ? [{ path: ['endpoint'], sentence }] : [];
  return [...bucket, ...namesOfRebuilt(settings)];
}

function faultsOfIssue(issue: z.core.$ZodIssue, merged: RawSettings): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(merged, issue.path);
    return issue.keys.map((key) => {
      const meant = closest(key, known) ?? (issue.path.length === 0 ? settingBy(key) : undefined);
      const others = meant === undefined ? `it knows ${known.join(', ')}` : `is '${meant}' meant?`;
      return { path: [...issue.path, key], sentence: `there is no such setting; ${others}` };
    });
  }
  // Further in is what was made of it: a list of a text with commas.
  const path = issue.path[0] === 'guard' ? issue.path.slice(0, 2) : issue.path;
  const value = valueAt(merged, path);
  const isThere = value !== undefined && value !== null;
  const sentence = isThere
    ? `wanted is ${wantedBy(issue, value, path)}`
    : value === null
      ? 'has no value'
      : 'is missing';
  return [{ path, sentence }];
}

/** What a value has to be, which is never repeated: it may be a secret. */
function wantedBy(issue: z.core.$ZodIssue, value: unknown, [section, key]: SettingPath = []): string {
  const words =
    issue.code === 'invalid_value' ? issue.values : issue.code === 'invalid_union' ? waysToDump : [];
  if (key === 'email') return 'mail addresses, separated by commas';
  if (section === 'guard' && Object.hasOwn(wanted, String(key))) return wanted[key as keyof typeof wanted];
  if (words.length > 0 && issue.path.length <= 2) {
    const meant = closest(String(value), words.map(String));
    return `one of ${words.join(', ')}${meant === undefined ? '' : `; is '${meant}' meant?`}`;
  }
  if (issue.code !== 'invalid_type') return issue.message;
  if (issue.expected === 'string') return `a text${isObject(value) ? ', and no list' : ': put it in quotes'}`;
  return issue.expected === 'array' ? 'a list: [one, another]' : 'settings below it, each as NAME: VALUE';
}

/** Whether there is a setting of that name; the value of one that there is not may be a secret all the same. */
export function isSetting(settings: RawSettings, [section, key]: SettingPath): boolean {
  return keysAt(settings, key === undefined ? [] : [section as string]).includes(String(key ?? section));
}

/** What a part of the settings may hold. */
function keysAt({ dump }: RawSettings, [section]: SettingPath): string[] {
  if (section === 'sidecar') return Object.keys(settingsSchema.shape.sidecar.unwrap().shape);
  if (section === 'guard') return Object.keys(guardSchema.shape);
  if (section !== 'dump') return Object.keys(settingsSchema.shape);
  const via = isObject(dump) ? dump.via : undefined;
  const way = dumpSchema.options.find(({ shape }) => shape.via.value === via);
  return Object.keys(way?.shape ?? {});
}
