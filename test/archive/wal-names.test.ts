import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { baseBackupKeys, parseBaseBackupKey } from '../../lib/archive/base-backup-names.ts';
import { archiveIdAt, parseKey } from '../../lib/archive/names.ts';
import { parseWalFile, parseWalKey, type WalName, walKey } from '../../lib/archive/wal-names.ts';

const hex = (digits: number) =>
  fc
    .integer({ min: 0, max: 16 ** digits - 1 })
    .map((value) => value.toString(16).toUpperCase().padStart(digits, '0'));
const timeline = hex(8).filter((text) => text !== '00000000');
const anySource = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const anyName = fc.oneof(
  timeline.map((one) => `${one}.history`),
  fc
    .tuple(
      timeline,
      hex(8),
      hex(8),
      fc.oneof(
        fc.constantFrom('', '.partial'),
        hex(8).map((at) => `.${at}.backup`),
      ),
    )
    .map((parts) => parts.join('')),
);
const anyWal: fc.Arbitrary<WalName> = fc.record({
  source: anySource,
  systemIdentifier: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(String),
  file: anyName.map((name) => parseWalFile(name) as NonNullable<ReturnType<typeof parseWalFile>>),
  sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
});

describe('names of WAL', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(anyWal, (name) => {
        expect(parseWalKey(walKey(name))).toEqual(name);
      }),
    );
  });

  it('knows the kinds that Postgres archives', () => {
    const kinds = ['', '.partial', '.00000028.backup'].map(
      (suffix) => parseWalFile(`00000001000000000000000A${suffix}`)?.kind,
    );
    expect([...kinds, parseWalFile('00000002.history')?.kind]).toEqual([
      'segment',
      'partial',
      'label',
      'history',
    ]);
  });

  it.each([
    '000000010000000000000001.tmp',
    '.000000010000000000000001',
    '00000001000000000000000a',
    '000000000000000000000001',
    '0000000100000000000000011',
    'RECOVERYXLOG',
    '',
    '../00000001.history',
  ])('takes no %j', (name) => {
    expect(parseWalFile(name)).toBeUndefined();
    expect(parseWalKey(`wal/x/1/${name}-${'0'.repeat(64)}.gz`)).toBeUndefined();
  });
});

describe('names of base backups', () => {
  it('reads what it writes, and no other kind', () => {
    const anyInstant = fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(anySource, anyInstant, (source, instant) => {
        const id = archiveIdAt(source, instant);
        for (const [part, key] of Object.entries(baseBackupKeys(id))) {
          expect(parseBaseBackupKey(key)).toEqual({ id, part });
          expect(parseKey(key)).toBeUndefined();
          expect(parseBaseBackupKey(key.replace(source, 'another-one'))).toBeUndefined();
        }
      }),
    );
  });
});
