import { describe, expect, it } from 'vitest';
import { judge, type Observation } from '../../lib/archive/verdict.ts';
import { exampleInventory, exampleManifest, exampleObservation } from '../fixtures/manifests.ts';

const judged = (change: Partial<Observation>) => judge(exampleManifest, { ...exampleObservation, ...change });

describe('judge', () => {
  it('calls intact what agrees in everything', () => {
    expect(judged({})).toEqual({ verdict: 'intact' });
  });

  it.each<[string, Partial<Observation>, string]>([
    ['bytes missing', { compressedBytes: 99 }, 'compressed bytes'],
    ['plain bytes missing', { plainBytes: 299 }, 'plain bytes'],
    ['another sha256', { sha256: 'b'.repeat(64) }, 'sha256'],
    ['a gzip error', { gzipError: 'CRC-32 differs at 60' }, 'gzip'],
    ['a member less', { members: exampleManifest.members.slice(0, 1) }, 'gzip members'],
    [
      'another CRC-32 in one member',
      { members: exampleManifest.members.map((member) => ({ ...member, crc32: '00000001' })) },
      'gzip member 1',
    ],
  ])('calls damaged: %s', (_, change, what) => {
    const judgement = judged(change);
    expect(judgement.verdict).toBe('damaged');
    expect('deviations' in judgement && judgement.deviations.map((one) => one.what)).toContain(what);
  });

  it('calls incomplete what lacks its end, though every byte agrees', () => {
    for (const endMarker of ['absent', 'followed'] as const) {
      expect(judged({ inventory: { ...exampleInventory, endMarker } })).toMatchObject({
        verdict: 'incomplete',
        deviations: [{ what: 'end marker' }],
      });
    }
  });

  it('calls suspicious a whole dump without torrents', () => {
    const empty = judged({ inventory: { ...exampleInventory, rows: { 'public.torrents': 0 } } });
    expect(empty).toMatchObject({ verdict: 'suspicious', deviations: [{ found: 'no rows' }] });
    const unfilled = judged({ inventory: { ...exampleInventory, rows: {} } });
    expect(unfilled).toMatchObject({ verdict: 'suspicious', deviations: [{ found: 'no rows' }] });
    const absent = judged({ inventory: { ...exampleInventory, rows: {}, tables: ['public.content'] } });
    expect(absent).toMatchObject({
      verdict: 'suspicious',
      deviations: [{ found: 'the dump has no such table' }],
    });
  });

  it('judges a file without manifest by gzip and content', () => {
    expect(judge(undefined, { ...exampleObservation, sha256: 'anything' })).toEqual({ verdict: 'intact' });
    expect(judge(undefined, { ...exampleObservation, gzipError: 'cut' }).verdict).toBe('damaged');
  });
});
