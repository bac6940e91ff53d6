import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { historyLength, type Known, outsideBand } from '../../lib/archive/band.ts';
import { judge } from '../../lib/archive/verdict.ts';
import { exampleManifest, exampleObservation } from '../fixtures/manifests.ts';
import { inventoryOf } from '../fixtures/postgres.ts';

const table = 'torrents';

/** A night with so many torrents; its bytes are in proportion, unless they are given. */
function night(torrents: number, more: Partial<Known> & { rows?: Record<string, number> } = {}): Known {
  const rows = { [`public.${table}`]: torrents, ...more.rows };
  return {
    accepted: more.accepted ?? false,
    plainBytes: more.plainBytes ?? torrents * 1000,
    inventory: inventoryOf({ rows, tables: Object.keys(rows) }),
  };
}
const doubts = (found: Known, history: readonly Known[]) =>
  outsideBand(found, history, table).map(({ what }) => what);

const size = fc.integer({ min: 100, max: 5_000_000 });
const sizes = (minLength: number) => fc.array(size, { minLength, maxLength: 20 });
const median = (figures: readonly number[]) => {
  const sorted = [...figures].sort((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
};

describe('outsideBand', () => {
  it('says what was usual, what was expected and what was found', () => {
    const history = Array.from({ length: 14 }, () => night(20_000));
    expect(outsideBand(night(10_000), history, table)).toEqual([
      {
        what: 'plain bytes',
        expected: 'at least 14.3 MiB (the 14 archives before: usually 19.1 MiB)',
        found: '9.5 MiB',
      },
      {
        what: 'rows of all tables',
        expected: 'at least 15,000 (the 14 archives before: usually 20,000)',
        found: '10,000',
      },
      {
        what: 'rows of torrents',
        expected: 'at least 15,000 (the 14 archives before: usually 20,000)',
        found: '10,000',
      },
    ]);
  });

  it('says nothing before three archives are known', () => {
    fc.assert(
      fc.property(fc.array(size, { maxLength: 2 }), fc.nat(), (known, found) => {
        expect(
          doubts(
            night(found),
            known.map((one) => night(one)),
          ),
        ).toEqual([]);
      }),
    );
  });

  it('always suspects half of what was usual, however much it varied', () => {
    fc.assert(
      fc.property(sizes(3), fc.double({ min: 0, max: 0.5, noNaN: true }), (known, share) => {
        const usual = median(known.slice(0, historyLength));
        expect(
          doubts(
            night(Math.floor(usual * share)),
            known.map((one) => night(one)),
          ),
        ).toContain('rows of torrents');
      }),
    );
  });

  it('never suspects what is between three quarters of the largest and twenty times of it', () => {
    fc.assert(
      fc.property(sizes(3), fc.double({ min: 0.76, max: 20, noNaN: true }), (known, factor) => {
        const largest = Math.max(...known.slice(0, historyLength));
        expect(
          doubts(
            night(Math.ceil(largest * factor)),
            known.map((one) => night(one)),
          ),
        ).toEqual([]);
      }),
    );
  });

  it('never suspects a source that grows, from its first night on', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1, max: 10, noNaN: true }), { minLength: 4, maxLength: 12 }),
        (factors) => {
          const history: Known[] = [];
          let torrents = 50;
          for (const factor of factors) {
            torrents = Math.ceil(torrents * factor);
            expect(doubts(night(torrents), history)).toEqual([]);
            history.unshift(night(torrents));
          }
        },
      ),
    );
  });

  it('suspects growth beyond all measure, but not of a young crawler', () => {
    const history = [night(1_000_000), night(990_000), night(980_000)];
    expect(doubts(night(30_000_000), history)).toEqual([
      'plain bytes',
      'rows of all tables',
      'rows of torrents',
    ]);
    expect(doubts(night(5_000_000), [night(30), night(20), night(10)])).toEqual([]);
  });

  it('is not led astray by one odd night among the known', () => {
    fc.assert(
      fc.property(size, fc.nat({ max: 50_000_000 }), fc.integer({ min: 0, max: 5 }), (usual, odd, at) => {
        const known = Array.from({ length: 6 }, (_, index) => night(index === at ? odd : usual));
        expect(doubts(night(usual), known)).toEqual([]);
        expect(doubts(night(Math.floor(usual / 2)), known)).toContain('rows of torrents');
      }),
    );
  });

  it('falls back no further than the newest three, in a source that grew fast', () => {
    const known = [160, 80, 40, 20, 10, 5].map((torrents) => night(torrents * 1000));
    expect(doubts(night(40_000), known)).toContain('rows of torrents');
    expect(doubts(night(120_000), known)).toEqual([]);
  });

  it('looks at two weeks and no further', () => {
    const recent = Array.from({ length: historyLength }, () => night(100));
    const old = Array.from({ length: 20 }, () => night(10_000, { accepted: true }));
    expect(doubts(night(90), [...recent, ...old])).toEqual([]);
  });

  it('begins anew where the operator has accepted one', () => {
    fc.assert(
      fc.property(
        sizes(3),
        fc.integer({ min: 100, max: 1000 }),
        fc.nat({ max: 20 }),
        (before, accepted, nights) => {
          const known = [night(accepted, { accepted: true }), ...before.map((one) => night(one))];
          for (let count = 0; count < nights; count += 1) {
            expect(doubts(night(accepted), known)).toEqual([]);
            known.unshift(night(accepted));
          }
          expect(doubts(night(Math.floor(accepted / 2)), known)).toContain('rows of torrents');
        },
      ),
    );
  });

  describe('tables', () => {
    const full = (rows: Record<string, number>) => night(1000, { rows, plainBytes: 1_000_000 });
    const known = [1, 2, 3].map(() => full({ 'public.content': 5, 'public.torrent_tags': 3 }));

    it('names one that is gone, or empty, and always held rows', () => {
      const found = full({ 'public.torrent_tags': 0 });
      expect(outsideBand(found, known, table)).toEqual([
        {
          what: 'table public.content',
          expected: 'rows: the newest archive before has 5, and none of 3 is without',
          found: 'the dump has no such table',
        },
        {
          what: 'table public.torrent_tags',
          expected: 'rows: the newest archive before has 3, and none of 3 is without',
          found: 'no rows',
        },
      ]);
    });

    it('does not name one that was empty before, now and then', () => {
      const history = [known[0] as Known, full({ 'public.content': 5, 'public.torrent_tags': 0 }), ...known];
      expect(doubts(full({ 'public.content': 5 }), history)).toEqual([]);
    });

    it('does not name a queue that has run dry, but one that is gone', () => {
      const history = [1, 2, 3].map(() => full({ 'public.queue_jobs': 300 }));
      expect(doubts(full({ 'public.queue_jobs': 0 }), history)).toEqual([]);
      expect(doubts(full({}), history)).toEqual(['table public.queue_jobs']);
    });

    it('does not name one that an accepted archive lacked, nor before three are known', () => {
      const accepted = { ...full({ 'public.torrent_tags': 3 }), accepted: true };
      expect(doubts(full({ 'public.torrent_tags': 3 }), [accepted, ...known])).toEqual([]);
      expect(doubts(full({}), known.slice(0, 2))).toEqual([]);
    });
  });
});

describe('judge with a history', () => {
  const known = [exampleObservation, exampleObservation, exampleObservation].map(
    ({ plainBytes, inventory }) => ({ accepted: false, plainBytes, inventory }),
  );
  const emptied = { ...exampleObservation.inventory, rows: { 'public.torrents': 0, 'public.content': 5 } };

  it('calls intact what is as ever, and suspicious what lost its rows', () => {
    expect(judge(exampleManifest, exampleObservation, known)).toEqual({ verdict: 'intact' });
    const judgement = judge(exampleManifest, { ...exampleObservation, inventory: emptied }, known);
    expect(judgement.verdict).toBe('suspicious');
    expect('deviations' in judgement && judgement.deviations.map(({ what }) => what)).toEqual([
      'table torrents',
      'rows of all tables',
      'rows of torrents',
    ]);
  });

  it('lets damage go first: of bytes that are not the agent’s, nothing is compared', () => {
    expect(
      judge(exampleManifest, { ...exampleObservation, plainBytes: 1, inventory: emptied }, known).verdict,
    ).toBe('damaged');
  });

  it('asks once about an empty table that the operator has accepted', () => {
    const accepted = { accepted: true, plainBytes: exampleObservation.plainBytes, inventory: emptied };
    const again = { ...exampleObservation, inventory: emptied };
    expect(judge(exampleManifest, again, [accepted, ...known])).toEqual({ verdict: 'intact' });
    expect(judge(exampleManifest, again, [...known, accepted]).verdict).toBe('suspicious');
  });
});
