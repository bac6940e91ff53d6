import { describe, expect, it } from 'vitest';
import { parseSettings } from '../../lib/settings/config.ts';
import { settingsFromEnvironment } from '../../lib/settings/environment.ts';
import { chooseProvider, providerNames } from '../../lib/store/provider.ts';
import { layersOf } from '../fixtures/layers.ts';

describe('chooseProvider', () => {
  it('is AWS, unless an endpoint of its own makes it a store that nobody knows', () => {
    expect(chooseProvider(undefined, false)).toMatchObject({
      name: 'aws',
      checksums: 'crc32',
      pathStyle: false,
    });
    expect(chooseProvider(undefined, true)).toMatchObject({
      name: 'other',
      checksums: 'md5',
      pathStyle: true,
    });
    expect(chooseProvider('aws', true)).toMatchObject({ name: 'aws', checksums: 'crc32', pathStyle: true });
  });

  it.each(providerNames)('%s has limits that an archive fits in', (name) => {
    const { parts } = chooseProvider(name, true);
    expect(parts.minPartBytes).toBe(5 * 1024 ** 2);
    expect(parts.maxParts * parts.maxPartBytes).toBeGreaterThanOrEqual(4.5e12);
  });

  it('knows the exceptions', () => {
    const named = (name: (typeof providerNames)[number]) => chooseProvider(name, true);
    expect(named('scaleway').parts.maxParts).toBe(1000);
    expect(providerNames.filter((name) => !named(name).createOnly)).toEqual(['b2']);
    expect(providerNames.filter((name) => named(name).checksums === 'crc32')).toEqual(['aws']);
  });
});

describe('the setting provider', () => {
  it('comes from the environment or a file, and refuses what nobody knows', () => {
    const fromEnvironment = settingsFromEnvironment({ OFFSITE_BUCKET: 'vault', OFFSITE_PROVIDER: 'r2' });
    expect(parseSettings(layersOf([fromEnvironment]), 'a test').provider).toBe('r2');
    expect(parseSettings(layersOf([{ bucket: 'vault' }]), 'a test').provider).toBeUndefined();
    expect(() => parseSettings(layersOf([{ bucket: 'vault', provider: 'r3' }]), 'a test')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', found: expect.stringContaining('provider') }),
    );
  });
});
