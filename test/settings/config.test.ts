import { describe, expect, it } from 'vitest';
import type { OffsiteError } from '../../lib/base/errors.ts';
import { parseSettings } from '../../lib/settings/config.ts';
import { environmentOf, settingsFromEnvironment } from '../../lib/settings/environment.ts';
import type { RawSettings } from '../../lib/settings/layers.ts';
import { layersOf } from '../fixtures/layers.ts';

function refusal(...layers: RawSettings[]): OffsiteError {
  try {
    parseSettings(layersOf(layers), 'a test');
  } catch (error) {
    return error as OffsiteError;
  }
  throw new Error('it was accepted');
}

describe('parseSettings', () => {
  it('needs a bucket and nothing else', () => {
    expect(parseSettings(layersOf([{ bucket: 'vault' }]), 'a test')).toEqual({
      bucket: 'vault',
      source: 'bitagent',
      dump: { via: 'server' },
    });
    expect(refusal({})).toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2, found: 'bucket: is missing' });
    expect(refusal({}).hint).toMatch(/^'offsite init' asks .*--bucket/);
    expect(refusal({ bucket: 's3://x' }).hint).toMatch(/^name the bucket: --bucket/);
  });

  it.each<[RawSettings, string]>([
    [{ buket: 'x' }, "buket (a test): there is no such setting; is 'bucket' meant?"],
    [{ 'ping-url': 'x' }, "ping-url (a test): there is no such setting; is 'pingUrl' meant?"],
    [
      { databaseUrl: 'x' },
      "databaseUrl (a test): there is no such setting; is 'dump: { via: server, url: … }' meant?",
    ],
    [
      { container: 'x' },
      "container (a test): there is no such setting; is 'dump: { via: container, container: … }' meant?",
    ],
    [
      { OFFSITE_METRICS_FILE: 'x' },
      "OFFSITE_METRICS_FILE (a test): there is no such setting; is 'metricsFile' meant?",
    ],
    [
      { sidecar: { pfad: 'x', paht: 'y' } },
      "sidecar.paht (a test): there is no such setting; is 'path' meant?",
    ],
    [
      { dump: { via: 'container', container: 'c', usr: 'x' } },
      "dump.usr (a test): there is no such setting; is 'user' meant?",
    ],
    [
      { dump: { via: 'server', schedule: 'x' } },
      'dump.schedule (a test): there is no such setting; it knows via, url',
    ],
    [
      { dump: { via: 'container', container: 12 } },
      'dump.container (a test): wanted is a text: put it in quotes',
    ],
    [{ region: ['eu-west-1'] }, 'region (a test): wanted is a text, and no list'],
    [
      { provider: 'MinIO' },
      "provider (a test): wanted is one of aws, r2, b2, wasabi, scaleway, minio, ceph, other; is 'minio' meant?",
    ],
    [
      { dump: { via: 'servre' } },
      "dump.via (a test): wanted is one of server, container, command; is 'server' meant?",
    ],
    [
      { dump: { via: 'command', command: 'pg_dump x' } },
      'dump.command (a test): wanted is a list: [one, another]',
    ],
    [{ sidecar: 'x' }, 'sidecar (a test): wanted is settings below it, each as NAME: VALUE'],
    [{ notify: 'no' }, 'notify (a test): wanted is one of failures, always'],
    [{ endpoint: 'nas:9000' }, 'endpoint (a test): wanted is a URL that begins with https:// or http://'],
    [{ guard: { keepDays: 'many' } }, 'guard.keepDays (a test): wanted is a whole number of days, 1 or more'],
    [{ guard: { email: 'x' } }, 'guard.email (a test): wanted is mail addresses, separated by commas'],
    [
      { guard: { sources: 'A b' } },
      'guard.sources (a test): wanted is names of a-z, 0-9 and -, separated by commas',
    ],
    [{ region: null }, 'region (a test): has no value'],
    [{ dump: { via: 'container' } }, 'dump.container: is missing'],
  ])('says of %j what was meant', (settings, said) => {
    expect(refusal({ bucket: 'y', ...settings }).found.split('\n')).toContain(said);
  });

  it('says where a container is named, to whom a server is meant, too', () => {
    const { hint } = refusal({ bucket: 'y', dump: { via: 'container', database: 'bitmagnet' } });
    expect(hint).toMatch(/--container NAME.*PGDATABASE/);
  });

  it('names every fault at once, and repeats no value', () => {
    const error = refusal({ source: 'S3CRET!', endpoint: 'S3CRET', dump: { via: 'S3CRET' } });
    expect(error.found.split('\n')).toHaveLength(4);
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('S3CRET');
  });

  it('lets later layers win, and merges the dump of one way', () => {
    const file = { bucket: 'file', dump: { via: 'container', container: 'c', user: 'u' } };
    const layers = layersOf([file, { bucket: 'env' }, { dump: { via: 'container', user: 'v' } }]);
    const merged = parseSettings(layers, 'a test');
    expect(merged).toMatchObject({ bucket: 'env', dump: { via: 'container', container: 'c', user: 'v' } });
    const other = parseSettings(
      layersOf([file, { dump: { via: 'server', url: 'postgres://h/d' } }]),
      'a test',
    );
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

describe('environmentOf', () => {
  it('says what settingsFromEnvironment reads', () => {
    const settings = {
      bucket: 'b',
      caBundle: '/ca.pem',
      dump: { via: 'container', container: 'c', password: 'p' },
      sidecar: { path: '/ui.db' },
    };
    expect(settingsFromEnvironment(environmentOf(settings))).toEqual(settings);
    expect(settingsFromEnvironment({ OFFSITE_DUMP_COMMAND: 'ssh db pg_dump | cat' })).toEqual({
      dump: { via: 'command', command: ['sh', '-c', 'ssh db pg_dump | cat'] },
    });
  });
});
