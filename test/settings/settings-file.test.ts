// Settings as they come from files, variables and flags together: what is in force, where it was said, and for each slip the
// place of it, without the value.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OffsiteError } from '../../lib/base/errors.ts';
import { isSetting } from '../../lib/settings/config.ts';
import { maskedSetting } from '../../lib/settings/masked.ts';
import { readAllSettings, readSettings } from '../../lib/settings/settings.ts';

let folder: string;
const write = (text: string, name = 'config.yaml') => {
  const path = join(folder, 'offsite', name);
  writeFileSync(path, text);
  chmodSync(path, 0o600);
  return path;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offsite-settings-'));
  mkdirSync(join(folder, 'offsite'));
  for (const name of Object.keys(process.env)) if (name.startsWith('OFFSITE_')) vi.stubEnv(name, undefined);
  vi.stubEnv('XDG_CONFIG_HOME', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

async function refusal(flags: object = {}, config?: string): Promise<OffsiteError> {
  const error = await readSettings({ ...flags }, config).catch((thrown: unknown) => thrown);
  if (error instanceof OffsiteError) return error;
  throw new Error(`it was accepted: ${JSON.stringify(error)}`);
}

describe('a settings file', () => {
  it.each([
    ['config.yaml', 'bucket: vault # of the stack\ndump: { via: container, container: db }\n'],
    ['config.yml', 'bucket: vault\ndump:\n  via: container\n  container: db\n'],
    [
      'config.json',
      '{\n\t"$schema": "./s.json",\n\t"bucket": "vault",\n\t"dump": {"via": "container", "container": "db"}\n}',
    ],
    ['config.json', '\ufeff{"bucket": "vault", "dump": {"via": "container", "container": "db"}}\r\n'],
  ])('is YAML or JSON: %s', async (name, text) => {
    write(text, name);
    expect(await readSettings({})).toMatchObject({
      bucket: 'vault',
      source: 'bitagent',
      dump: { via: 'container', container: 'db' },
    });
  });

  it.each([
    ['bucket: vault\nbucket: S3CRET\n', 'a key that is there twice, at line 2, column 1'],
    ['{"bucket": "vault", "bucket": "S3CRET"}', 'a key that is there twice, at line 1, column 21'],
    // As Windows' editors begin a file.
    ['\ufeff{"bucket": "vault", "bucket": "S3CRET"}', 'a key that is there twice, at line 1, column 21'],
    ['dump:\n\tpassword: S3CRET\n', 'a tab where YAML wants spaces, at line 2, column 1'],
    [
      'bucket: vault\npingUrl: @S3CRET\n',
      'a text that begins with a sign of YAML: put it in quotes, at line 2, column 10',
    ],
    ['{"bucket": "S3CRET', 'a syntax error, at line 1, column 19'],
    ['<<: S3CRET\n', 'a << of what is no keys and values'],
    ['bucket: *S3CRET\n', 'a *name that no &name before it explains'],
    ['bucket: vault\n---\nbucket: S3CRET\n', 'a second document after ---, at line 2, column 1'],
    ['[S3CRET]\n', 'a list'],
    ['\ufeffb\0u\0', 'UTF-16, or no text at all'],
  ])('is refused with the place: %j', async (text, found) => {
    write(text);
    const error = await refusal();
    expect(error).toMatchObject({ code: 'CONFIG_UNREADABLE', exitCode: 2, found });
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('S3CRET');
  });

  it('is said with line and column where a setting of it is wrong, and a variable or flag by its name', async () => {
    const path = write('bucket: vault\ndump:\n  via: container\n  container: db\n  pasword: S3CRET\n');
    vi.stubEnv('OFFSITE_PING_URL', 'S3CRET');
    const error = await refusal({ region: 'eu-west-1a' });
    expect(error.found.split('\n').sort()).toEqual([
      `dump.pasword (${path}:5:3): there is no such setting; is 'password' meant?`,
      'pingUrl (OFFSITE_PING_URL): wanted is a URL that begins with https:// or http://',
      'region (--region): wanted is one like eu-west-1, without the letter of a zone',
    ]);
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('S3CRET');
  });

  it('may have a source take over what another has, by << as Compose files do', async () => {
    const dump = 'dump: { via: container, container: db }';
    write(`bucket: vault\nsources:\n  one: &one\n    ${dump}\n  wiki:\n    <<: *one\n`);
    expect(await readSettings({ source: 'wiki' })).toMatchObject({
      source: 'wiki',
      dump: { container: 'db' },
    });
  });

  it('that is empty says nothing; a second one beside it is refused', async () => {
    write('# nothing yet\n');
    expect(await refusal()).toMatchObject({ found: 'bucket: is missing' });
    write('{}', 'config.json');
    expect(await refusal()).toMatchObject({
      code: 'CONFIG_UNREADABLE',
      found: expect.stringContaining('beside it'),
    });
  });

  it('that everybody may write is refused, unless it was named', async () => {
    const path = write('bucket: vault\n');
    chmodSync(path, 0o666);
    expect(await refusal()).toMatchObject({ code: 'CONFIG_UNREADABLE', hint: `chmod o-w ${path}` });
    expect(await readSettings({}, path)).toMatchObject({ bucket: 'vault' });
  });

  it.skipIf(process.getuid?.() !== 0)(
    'of another user is refused, unless it was named (as root only)',
    async () => {
      const path = write('bucket: vault\n');
      const { chownSync } = await import('node:fs');
      chownSync(path, 4711, 4711);
      expect(await refusal()).toMatchObject({ code: 'CONFIG_UNREADABLE', found: 'one of user 4711' });
      expect(await readSettings({}, path)).toMatchObject({ bucket: 'vault' });
      vi.stubEnv('SUDO_UID', '4711');
      expect(await readSettings({})).toMatchObject({ bucket: 'vault' });
    },
  );
});

describe('several sources in one file', () => {
  const several = `bucket: vault
region: eu-west-1
sources:
  bitagent:
    dump: { via: container, container: bitagent-postgres }
  wiki:
    region: eu-central-1
    dump: { via: server, url: postgres://wiki/wiki }
  plain:
`;

  it('each has what all share, and what is its own', async () => {
    write(several);
    expect(await readAllSettings({})).toMatchObject([
      { source: 'bitagent', region: 'eu-west-1', dump: { container: 'bitagent-postgres' } },
      { source: 'wiki', region: 'eu-central-1', dump: { url: 'postgres://wiki/wiki' } },
      { source: 'plain', region: 'eu-west-1', dump: { via: 'server' } },
    ]);
    expect(await readSettings({ source: 'wiki' })).toMatchObject({ source: 'wiki', region: 'eu-central-1' });
    vi.stubEnv('OFFSITE_SOURCE', 'bitagent');
    expect(await readSettings({})).toMatchObject({ source: 'bitagent' });
  });

  it('one has to be named, unless there is one, or the file says which is meant by default', async () => {
    const path = write(several);
    expect(await refusal()).toMatchObject({
      code: 'CONFIG_INVALID',
      expected: 'one of bitagent, wiki, plain',
    });
    expect(await refusal({ source: 'wikki' })).toMatchObject({
      hint: expect.stringContaining('--source wiki '),
    });
    writeFileSync(path, `source: wiki\n${several}`);
    expect(await readSettings({})).toMatchObject({ source: 'wiki' });
    writeFileSync(path, 'bucket: vault\nsources: { only: {} }\n');
    expect(await readSettings({})).toMatchObject({ source: 'only' });
  });

  it('two of one name, a name within and a fault of one are told with their place', async () => {
    const path = write('bucket: vault\nsources:\n  wiki: {}\n  wiki: {}\n');
    expect(await refusal()).toMatchObject({ found: 'a key that is there twice, at line 4, column 3' });
    writeFileSync(path, 'bucket: vault\nsources:\n  wiki:\n    regoin: x\n');
    expect((await refusal()).found).toBe(
      `regoin (${path}:4:5): there is no such setting; is 'region' meant?`,
    );
    writeFileSync(path, 'bucket: vault\nsources:\n  Wiki: {}\n');
    expect((await refusal()).found).toBe(`source (${path}:3:3): wanted is a-z, 0-9 and -, at most 40`);
    // As a list they would be archives of '0' and '1'.
    for (const empty of [
      'sources:\n',
      'sources: {}\n',
      'sources: [a]\n',
      'sources:\n- source: a\n- source: a\n',
    ]) {
      writeFileSync(path, `bucket: vault\n${empty}`);
      const said = { code: 'CONFIG_INVALID', found: expect.stringContaining(`(${path}:2:1)`) };
      expect(await refusal()).toMatchObject(said);
      expect(await readAllSettings({}).catch((error: unknown) => error)).toMatchObject(said);
    }
  });
});

describe('a setting that is shown', () => {
  it.each([
    ['dump.password', 's3cret', '***'],
    ['dump.url', 'postgres://u:s3cret@h/d', 'postgres://u:***@h/d'],
    ['dump.url', 'postgres://h/d?password=s3cret&x=1', 'postgres://h/d?password=***&x=1'],
    ['dump.command', ['sh', '-c', "PGPASSWORD='s3 cret' pg_dump x"], "sh -c 'PGPASSWORD=*** pg_dump x'"],
    ['pingUrl', 'https://hc-ping.com/s3cret', 'https://hc-ping.com/***'],
    ['webhookUrl', 'https://h/', 'https://h'],
    ['ntfyUrl', 's3cret', '***'],
    ['bucket', 'vault', 'vault'],
  ])('%s: %j', (path, value, shown) => expect(maskedSetting(path.split('.'), value)).toBe(shown));

  it.each([
    ['bucket', true],
    ['dump.password', true],
    ['dump.via', true],
    ['guard.smtpUrl', true],
    ['sidecar.path', true],
    // A slip of the pen in a secret's name does not make it public.
    ['dump.paswd', false],
    ['password', false],
    ['guard.smtpPassword', false],
    ['bucket.password', false],
  ])('%s is one: %s', (path, is) =>
    expect(isSetting({ dump: { via: 'container' } }, path.split('.'))).toBe(is),
  );
});
