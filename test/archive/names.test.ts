import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { archiveIdAt, archiveKeys, isArchiveId, parseArchiveId, parseKey } from '../../lib/archive/names.ts';
import { OffsiteError } from '../../lib/base/errors.ts';

const anySource = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const anyInstant = fc.date({
  min: new Date('1970-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59Z'),
  noInvalidDate: true,
});

describe('archive ids', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(anySource, anyInstant, (source, instant) => {
        const written = archiveIdAt(source, instant);
        expect(parseArchiveId(written.id)).toEqual(written);
        expect(written.takenAt.getTime()).toBe(Math.floor(instant.getTime() / 1000) * 1000);
      }),
    );
  });

  it('sorts as text as the instants sort', () => {
    fc.assert(
      fc.property(anyInstant, anyInstant, (one, other) => {
        const [a, b] = [archiveIdAt('x', one), archiveIdAt('x', other)];
        expect(Math.sign(a.id.localeCompare(b.id, 'en'))).toBe(
          Math.sign(a.takenAt.getTime() - b.takenAt.getTime()),
        );
      }),
    );
  });

  it.each([
    'bitagent-2026-02-30-031500Z',
    'bitagent-2026-13-01-031500Z',
    'bitagent-2026-01-01-240000Z',
    'bitagent-2026-01-01-235960Z',
    'bitagent-2026-00-10-000000Z',
    'bitagent-2026-01-01-031500',
    'Bitagent-2026-01-01-031500Z',
    '-2026-01-01-031500Z',
    'bit/agent-2026-01-01-031500Z',
    '../x-2026-01-01-031500Z',
    'latest',
    '',
  ])('refuses %j', (text) => {
    expect(isArchiveId(text)).toBe(false);
    expect(() => parseArchiveId(text)).toThrow(OffsiteError);
  });

  it('knows a leap day', () => {
    expect(isArchiveId('bitagent-2028-02-29-000000Z')).toBe(true);
    expect(isArchiveId('bitagent-2026-02-29-000000Z')).toBe(false);
  });
});

describe('keys', () => {
  it('finds the id in each of an archive’s own keys, and in no other', () => {
    fc.assert(
      fc.property(anySource, anyInstant, (source, instant) => {
        const id = archiveIdAt(source, instant);
        const keys = archiveKeys(id);
        for (const part of ['archive', 'manifest', 'verdict'] as const) {
          expect(parseKey(keys[part])).toEqual({ id, part });
        }
        expect(parseKey(`${keys.reports}1.json`)).toBeUndefined();
      }),
    );
    const foreign = [
      'archives/other/bitagent-2026-01-01-000000Z.manifest.json',
      'archives/bitagent/bitagent-2026-01-01-000000Z.json',
      'archives/bitagent/x/bitagent-2026-01-01-000000Z.manifest.json',
      'verdicts/bitagent/bitagent-2026-01-01-000000Z.sql.gz',
      'bitagent-2026-01-01-000000Z.manifest.json',
      'archives/bitagent/.manifest.json',
      '',
    ];
    expect(foreign.map(parseKey)).toEqual(foreign.map(() => undefined));
  });
});
