import { describe, expect, it } from 'vitest';
import type { OffsiteError } from '../../lib/base/errors.ts';
import { parseSettings, type RawSettings, settingsFromEnvironment } from '../../lib/settings/config.ts';

function refusal(...layers: RawSettings[]): OffsiteError {
  try {
    parseSettings(layers, 'a test');
  } catch (error) {
    return error as OffsiteError;
  }
  throw new Error('it was accepted');
}

describe('parseSettings', () => {
  it('needs a bucket and nothing else', () => {
    expect(parseSettings([{ bucket: 'vault' }], 'a test')).toEqual({
      bucket: 'vault',
      source: 'bitagent',
      dump: { via: 'server' },
    });
    expect(refusal({})).toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2, found: 'bucket: is missing' });
    expect(refusal({}).hint).toContain('--bucket');
  });

  it('names misspelt keys, at the top and inside', () => {
    expect(refusal({ buket: 'x', bucket: 'y' }).found).toBe("settings: unknown 'buket'");
    expect(refusal({ bucket: 'y', dump: { via: 'container', container: 'c', usr: 'x' } }).found).toBe(
      "dump: unknown 'usr'",
    );
  });

  it('names every fault at once, and repeats no value', () => {
    const error = refusal({ source: 'S3CRET!', endpoint: 'S3CRET', dump: { via: 'S3CRET' } });
    expect(error.found.split('\n')).toHaveLength(4);
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('S3CRET');
  });

  it('lets later layers win, and merges the dump of one way', () => {
    const file = { bucket: 'file', dump: { via: 'container', container: 'c', user: 'u' } };
    const merged = parseSettings(
      [file, { bucket: 'env' }, { dump: { via: 'container', user: 'v' } }],
      'a test',
    );
    expect(merged).toMatchObject({ bucket: 'env', dump: { via: 'container', container: 'c', user: 'v' } });
    const other = parseSettings([file, { dump: { via: 'server', url: 'postgres://h/d' } }], 'a test');
    expect(other.dump).toEqual({ via: 'server', url: 'postgres://h/d' });
  });
});

describe('settingsFromEnvironment', () => {
  it('reads what it knows', () => {
    expect(
      settingsFromEnvironment({
        OFFSITE_BUCKET: 'b',
        OFFSITE_CONTAINER: 'c',
        OFFSITE_CONTAINER_USER: 'u',
        PATH: '/',
      }),
    ).toEqual({ bucket: 'b', dump: { via: 'container', container: 'c', user: 'u' } });
    expect(settingsFromEnvironment({ OFFSITE_BUCKET: '' })).toEqual({});
  });

  it('refuses what looks like a setting and is none', () => {
    expect(() => settingsFromEnvironment({ OFFSITE_BUKET: 'b' })).toThrow(/OFFSITE_BUKET/);
  });
});
