import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Acceptance, isAccepted, parseAcceptance } from '../../lib/archive/acceptance.ts';
import { type CatalogueEntry, entryOf, newestIntact, type Standing } from '../../lib/archive/catalogue-of.ts';
import { archiveIdAt } from '../../lib/archive/names.ts';
import type { Verdict } from '../../lib/archive/verdict.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import { planRetention } from '../../lib/retention/plan.ts';
import { exampleId, exampleInventory } from '../fixtures/manifests.ts';

const suspicious: Verdict = {
  verdict: 'suspicious',
  format: 1,
  id: exampleId.id,
  source: exampleId.source,
  versionId: 'v1',
  etag: 'etag-1',
  verifiedAt: '2026-11-23T03:20:00.000Z',
  durationMs: 10,
  toolVersion: '0.1.0',
  compressedBytes: 100,
  plainBytes: 300,
  deviations: [{ what: 'plain bytes', expected: 'at least 400 B', found: '300 B' }],
  inventory: exampleInventory,
};
const acceptance: Acceptance = {
  format: 1,
  id: exampleId.id,
  source: exampleId.source,
  versionId: 'v1',
  etag: 'etag-1',
  acceptedAt: '2026-11-23T08:00:00.000Z',
  reason: 'old torrents were removed',
  deviations: suspicious.deviations,
  toolVersion: '0.1.0',
};

describe('acceptance', () => {
  it('comes back as it was written', () => {
    expect(parseAcceptance(jsonText(acceptance), exampleId)).toEqual(acceptance);
  });

  it.each([
    ['no JSON', '{'],
    ['another format', JSON.stringify({ ...acceptance, format: 2 })],
    ['another archive', JSON.stringify({ ...acceptance, id: 'bitagent-2026-11-22-031500Z' })],
    ['nothing', ''],
  ])('of %s is none', (_, text) => {
    expect(parseAcceptance(text, exampleId)).toBeUndefined();
  });

  it('speaks of the bytes that were judged, and of a suspicious verdict only', () => {
    expect(isAccepted(suspicious, acceptance)).toBe(true);
    expect(isAccepted(suspicious, undefined)).toBe(false);
    expect(isAccepted({ ...suspicious, etag: 'etag-2' }, acceptance)).toBe(false);
    expect(isAccepted({ ...suspicious, versionId: 'v2' }, acceptance)).toBe(false);
    expect(isAccepted({ ...suspicious, verdict: 'incomplete' }, acceptance)).toBe(false);
  });
});

describe('the catalogue', () => {
  const listed = {
    id: exampleId,
    archive: { bytes: 100, etag: 'etag-1', storedAt: exampleId.takenAt },
    manifest: { storedAt: exampleId.takenAt },
    verdict: suspicious,
  };

  it('takes an accepted archive for proven, and a suspicious one not', () => {
    const entry = entryOf({ ...listed, acceptance });
    expect(entry.standing).toBe('accepted');
    expect(newestIntact([entry])).toBe(entry);
    expect(newestIntact([entryOf(listed)])).toBeUndefined();
  });

  it('does not take over an acceptance for bytes that came later', () => {
    const archive = { ...listed.archive, etag: 'etag-2' };
    expect(entryOf({ ...listed, archive, acceptance }).standing).toBe('unverified');
    const verdict = { ...suspicious, etag: 'etag-2', versionId: 'v2' };
    expect(entryOf({ ...listed, archive, verdict, acceptance }).standing).toBe('suspicious');
  });
});

describe('retention', () => {
  it('decides about an accepted archive as about an intact one, whatever comes', () => {
    const now = new Date('2026-11-23T06:00:00Z');
    const entryAt = (ageHours: number, standing: Standing): CatalogueEntry => {
      const takenAt = new Date(now.getTime() - ageHours * 3_600_000);
      return {
        id: archiveIdAt('bitagent', takenAt),
        standing,
        datedAt: takenAt,
        clockAheadMs: 0,
        compressedBytes: 1,
      };
    };
    const policy = { keepDays: 14, keepIntact: 3, freshnessHours: 26 };
    const plans = (entries: CatalogueEntry[]) => {
      const { keep, expire, standstill } = planRetention('bitagent', entries, policy, now);
      return { keep: keep.map(({ id }) => id), expire: expire.map(({ id }) => id), standstill };
    };
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.record({
            age: fc.nat({ max: 1000 }),
            kind: fc.constantFrom('proven', 'suspicious', 'damaged'),
            accepted: fc.boolean(),
          }),
          { maxLength: 30, selector: ({ age }) => age },
        ),
        (records) => {
          const intact = records.map(({ age, kind }) =>
            entryAt(age, kind === 'proven' ? 'intact' : (kind as Standing)),
          );
          const accepted = records.map(({ age, kind, accepted: is }) =>
            entryAt(age, kind === 'proven' ? (is ? 'accepted' : 'intact') : (kind as Standing)),
          );
          expect(plans(accepted)).toEqual(plans(intact));
        },
      ),
    );
  });
});
