import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readSettings } from '../../lib/settings/settings.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { openSession } from '../../lib/store/session.ts';
import { bin, storeEnvironment } from '../fixtures/agent.ts';
import { smallDump } from '../fixtures/archives.ts';
import { commandLines } from '../fixtures/postgres.ts';
import { startS3Stub } from '../fixtures/s3-stub.ts';

/** No other test sleeps for so long. */
const nap = `77.${process.pid}`;
const folder = mkdtempSync(join(tmpdir(), 'offsite-aws-'));
const config = join(folder, 'config');
const credentials = join(folder, 'credentials');
writeFileSync(
  config,
  `[default]
region = eu-west-1
[profile minio]
endpoint_url = http://minio.example:9000
ca_bundle = ${join(folder, 'minio.pem')}
[profile both]
endpoint_url = http://minio.example:9000
services = stores
[services stores]
s3 =
  endpoint_url = http://store.example:9001
`,
);
const sealed = `credential_process = sh -c "echo 'the safe is sealed, ask Ann' >&2; : hunter2; exit 3"`;
writeFileSync(config, `${readFileSync(config, 'utf8')}[profile sealed]\n${sealed}\n`);
for (const name of ['minio.pem', 'all.pem'])
  writeFileSync(join(folder, name), '-----BEGIN CERTIFICATE-----\n');
const dump = join(folder, 'dump.sql');
writeFileSync(dump, smallDump(10));
writeFileSync(credentials, '[keys]\naws_access_key_id = x\naws_secret_access_key = y\n');
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  for (const name of Object.keys(process.env).filter((one) => /^(AWS|OFFSITE)_/.test(one)))
    vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_CONFIG_FILE', config);
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', credentials);
});
afterEach(() => void vi.unstubAllEnvs());

const bucket = 'vault';

describe('the endpoint', () => {
  it.each<[string, Record<string, string>, Record<string, string>, string | undefined]>([
    ['of nobody', {}, {}, undefined],
    ['of AWS_ENDPOINT_URL', {}, { AWS_ENDPOINT_URL: 'http://env.example' }, 'http://env.example'],
    ['of --profile', { profile: 'minio' }, {}, 'http://minio.example:9000'],
    ['of OFFSITE_PROFILE', {}, { OFFSITE_PROFILE: 'minio' }, 'http://minio.example:9000'],
    ['of AWS_PROFILE', {}, { AWS_PROFILE: 'minio' }, 'http://minio.example:9000'],
    [
      'of --profile, over AWS_PROFILE',
      { profile: 'minio' },
      { AWS_PROFILE: 'both' },
      'http://minio.example:9000',
    ],
    ["of the profile's services", { profile: 'both' }, {}, 'http://store.example:9001'],
    [
      'of the environment, over the profile',
      { profile: 'both' },
      { AWS_ENDPOINT_URL: 'http://env.example' },
      'http://env.example',
    ],
    [
      'of --endpoint, over all',
      { profile: 'both', endpoint: 'http://flag.example' },
      { AWS_ENDPOINT_URL: 'http://env.example' },
      'http://flag.example',
    ],
    [
      'of nobody, where profiles are not to be asked',
      { profile: 'both' },
      { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },
      undefined,
    ],
    ['of a profile of credentials only', { profile: 'keys' }, {}, undefined],
  ])('%s', async (_, flags, environment, endpoint) => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    expect((await readSettings({ bucket, ...flags })).endpoint).toBe(endpoint);
  });

  it('of a profile that is not there: named, with those that are', async () => {
    await expect(readSettings({ bucket, profile: 'mino' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      exitCode: 2,
      message: "there is no profile 'mino'",
      found: 'default, minio, both, sealed, keys',
    });
  });
});

describe('the authorities', () => {
  it('are those of AWS_CA_BUNDLE, or of the profile', async () => {
    const bundleOf = async (profile?: string) => (await readSettings({ bucket, profile })).caBundle;
    expect(await bundleOf()).toBeUndefined();
    expect(await bundleOf('minio')).toBe(join(folder, 'minio.pem'));
    vi.stubEnv('AWS_CA_BUNDLE', join(folder, 'all.pem'));
    expect(await bundleOf('minio')).toBe(join(folder, 'all.pem'));
    vi.stubEnv('AWS_CA_BUNDLE', join(folder, 'nothing.pem'));
    await expect(bundleOf()).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE', exitCode: 2 });
  });
});

describe('settings that name no store', () => {
  it.each<[string, Record<string, string>]>([
    ['a URL for the bucket', { bucket: 's3://vault' }],
    ['a path for the bucket', { bucket: 'vault/prefix' }],
    ['a trailing slash', { bucket: 'vault/' }],
    ['an endpoint without a scheme', { bucket, endpoint: 'minio.example:9000' }],
    ['localhost without a scheme', { bucket, endpoint: 'localhost:9000' }],
    ['an endpoint of another scheme', { bucket, endpoint: 's3://minio.example' }],
    ['an endpoint whose path is the bucket', { bucket, endpoint: 'https://account.r2.example/vault' }],
    ['an ARN of the bucket', { bucket: 'arn:aws:s3:::vault' }],
    ['an endpoint of the bucket', { bucket, endpoint: 'https://vault.s3.eu-west-1.amazonaws.com' }],
    ['one of another store', { bucket, endpoint: 'https://vault.fra1.digitaloceanspaces.com' }],
    ['an endpoint with a password', { bucket, endpoint: 'https://key:secret@store.example' }],
    ['an endpoint with parameters', { bucket, endpoint: 'https://store.example?x=1' }],
    ['a zone for a region', { bucket, region: 'eu-west-1a' }],
    ['a region of several words', { bucket, region: 'eu west 1' }],
    ['the same with a slash', { bucket, endpoint: 'https://account.r2.example/vault/' }],
  ])('%s: exit 2, before anything begins', async (_, flags) => {
    await expect(readSettings(flags)).rejects.toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2 });
  });

  it('a proxy that is none', async () => {
    vi.stubEnv('https_proxy', 'socks5://127.0.0.1:1');
    await expect(readSettings({ bucket })).rejects.toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2 });
  });

  it('an endpoint of the environment without a scheme', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'localhost:9000');
    await expect(readSettings({ bucket })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it.each(['vault', 'my.vault-1', 'Old_Bucket', 'arn:aws:s3:eu-west-1:123456789012:accesspoint/vault'])(
    '%s is a bucket',
    async (name) => {
      expect((await readSettings({ bucket: name })).bucket).toBe(name);
    },
  );
});

describe('credentials of a profile', () => {
  it('that its credential_process does not give: told in its words, without its command', async () => {
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    const settings = await readSettings({ bucket, profile: 'sealed', region: 'eu-west-1' });
    const store = createS3Store(settings);
    for (const ask of [() => store.readText('x.json'), () => store.create('x.json', '{}')]) {
      const error = await ask().catch((thrown) => thrown);
      expect(error).toMatchObject({
        code: 'CREDENTIALS_MISSING',
        found: expect.stringContaining('credential_process failed: the safe is sealed, ask Ann'),
      });
      expect(error.found).not.toContain('hunter2');
    }
  });
});

describe('credentials that do not come', () => {
  it('of a program that hangs: told after a while, and nothing waits for it', async () => {
    const stub = await startS3Stub();
    writeFileSync(
      config,
      `${readFileSync(config, 'utf8')}[profile hangs]\ncredential_process = sleep ${nap}\n`,
    );
    try {
      const { AWS_ACCESS_KEY_ID: _, ...env } = storeEnvironment(stub);
      const options = { env: { ...env, AWS_CONFIG_FILE: config }, extendEnv: false, reject: false } as const;
      const args = ['backup', '--profile', 'hangs', '--patience', '1s', '--', 'cat', dump];
      const { exitCode, stderr } = await execa(bin, args, options);
      expect(stderr).toMatch(/\[CREDENTIALS_MISSING\]\n.*\n.*no answer within 1\.0 s/);
      expect(exitCode).toBe(4);
      expect(commandLines().filter((line) => line.includes(nap))).toEqual([]);
    } finally {
      await stub.stop();
    }
  });
});

describe('the region', () => {
  it('of AWS_DEFAULT_REGION, as the aws command takes it, below AWS_REGION', async () => {
    const regionOf = () =>
      openSession({ bucket, credentials: { accessKeyId: 'x', secretAccessKey: 'y' } }).reader.config.region();
    vi.stubEnv('AWS_DEFAULT_REGION', 'eu-north-1');
    expect(await regionOf()).toBe('eu-north-1');
    vi.stubEnv('AWS_REGION', 'eu-south-1');
    expect(await regionOf()).toBe('eu-south-1');
  });
});
