import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonText } from '../../lib/base/parse-json.ts';
import { holdKey, parseHold, placeHold } from '../../lib/retention/hold.ts';
import {
  assertBytesLive,
  assertManifestsBytes,
  canBeUndone,
  livesUntil,
} from '../../lib/retention/undo-plan.ts';
import { exampleId } from '../fixtures/manifests.ts';

const newest = { versionId: 'v', bytes: 1 };

describe('livesUntil', () => {
  const deleted = (at: Date) => ({ archive: { newest, deletedAt: at }, manifest: { newest }, verdict: {} });

  it('is the midnight after the days that the lifecycle gives', () => {
    expect(livesUntil(deleted(new Date('2026-11-23T06:00:00Z')), 7)?.toISOString()).toBe(
      '2026-12-01T00:00:00.000Z',
    );
    expect(livesUntil(deleted(new Date('2026-11-23T00:00:00Z')), 7)?.toISOString()).toBe(
      '2026-11-30T00:00:00.000Z',
    );
    expect(livesUntil({ archive: { newest }, manifest: { newest }, verdict: {} }, 7)).toBeUndefined();
  });

  it('is that of the part that goes first', () => {
    fc.assert(
      fc.property(fc.nat(3e9), fc.nat(3e9), fc.integer({ min: 1, max: 90 }), (one, other, days) => {
        const parts = {
          archive: { newest, deletedAt: new Date(one * 1000) },
          manifest: { newest, deletedAt: new Date(other * 1000) },
          verdict: {},
        };
        const until = livesUntil(parts, days)?.getTime() ?? 0;
        const least = (Math.min(one, other) + days * 86_400) * 1000;
        expect(until % 86_400_000).toBe(0);
        expect(until - least).toBeGreaterThanOrEqual(0);
        expect(until - least).toBeLessThan(86_400_000);
      }),
    );
  });
});

describe('an archive of which', () => {
  const partOf = (state: string) => ({
    ...(state.includes('bytes') && { newest }),
    ...(state.includes('deleted') && { deletedAt: new Date('2026-11-23T06:00:00Z') }),
  });
  const keys = { archive: 'a', manifest: 'm', verdict: 'v' };
  const gone = (left: string) => ({
    code: 'ARCHIVE_GONE',
    found: `deleted on 2026-11-23; of its bytes there is ${left}`,
  });

  it.each<[archive: string, manifest: string, comesBack: boolean, refusal?: object]>([
    ['bytes, deleted', 'bytes, deleted', true],
    ['bytes', 'bytes, deleted', true],
    ['bytes, deleted', 'bytes', true],
    ['bytes', 'bytes', false],
    ['bytes, deleted', 'deleted', false, gone('the archive')],
    ['bytes, deleted', 'nothing', false, gone('the archive')],
    ['deleted', 'bytes', false, gone('the manifest')],
    ['nothing', 'bytes, deleted', false, gone('the manifest')],
    ['deleted', 'nothing', false, gone('neither')],
    ['nothing', 'nothing', false, { code: 'ARCHIVE_MISSING', found: 'neither' }],
    ['bytes', 'nothing', false, { code: 'ARCHIVE_MISSING', found: expect.stringContaining('never had') }],
  ])('%s, and of its manifest %s: comes back %s', (archive, manifest, comesBack, refusal) => {
    const history = { archive: partOf(archive), manifest: partOf(manifest), verdict: {} };
    expect(canBeUndone(history)).toBe(comesBack);
    const asserting = expect(() => assertBytesLive(exampleId, keys, history));
    if (refusal === undefined) asserting.not.toThrow();
    else asserting.toThrow(expect.objectContaining(refusal));
  });

  it.each([
    ['v', 1, true],
    // The acknowledgement was lost.
    [null, 1, true],
    ['other', 1, false],
    ['v', 2, false],
    [null, 2, false],
  ])('the manifest names version %s and %i bytes: its own are there %s', (versionId, bytes, isOwn) => {
    const manifest = { ...exampleId, versionId, compressedBytes: bytes };
    const asserting = expect(() => assertManifestsBytes(manifest, { newest }));
    if (isOwn) asserting.not.toThrow();
    else asserting.toThrow(expect.objectContaining({ code: 'ARCHIVE_CHANGED' }));
  });
});

describe('a hold', () => {
  const now = new Date('2026-11-23T06:00:00Z');

  it('comes back from its text, for its own archive only', () => {
    const hold = placeHold(exampleId.id, 14, now);
    expect(hold.until).toBe('2026-12-07T06:00:00.000Z');
    expect(parseHold(jsonText(hold), exampleId.id)).toEqual(hold);
    expect(parseHold(jsonText(hold), 'bitagent-2026-11-24-031500Z')).toBeUndefined();
    expect(parseHold('{"format":2}', exampleId.id)).toBeUndefined();
    expect(parseHold('no JSON', exampleId.id)).toBeUndefined();
    expect(holdKey(exampleId)).toBe('holds/bitagent/bitagent-2026-11-23-031500Z.json');
  });
});
