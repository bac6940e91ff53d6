import { describe, expect, it } from 'vitest';
import type { CatalogueEntry } from '../../lib/archive/catalogue-of.ts';
import { archiveIdAt } from '../../lib/archive/names.ts';
import {
  findMisdated,
  findOrphans,
  findOverdue,
  type Overdue,
  parseWatchState,
  type Subject,
  sidecarProof,
  toldOf,
  whatToTell,
} from '../../lib/retention/freshness.ts';

const now = new Date('2026-11-23T06:00:00Z');
const ago = (hours: number) => new Date(now.getTime() - hours * 3_600_000);
const limits = { archiveHours: 26, restoreTestHours: 2400 };
const archiveOverdue: Overdue = { subject: 'archive', ageHours: 27, never: false, limitHours: 26 };

function taken(
  hours: number,
  standing: CatalogueEntry['standing'] = 'intact',
  more: Partial<CatalogueEntry> = {},
): CatalogueEntry {
  const id = archiveIdAt('bitagent', ago(hours));
  return { id, standing, datedAt: ago(hours), clockAheadMs: 0, compressedBytes: 1, ...more };
}

describe('findOverdue', () => {
  it('is quiet while both proofs are young', () => {
    const proofs = { firstSeenAt: ago(9000), newestIntactAt: ago(26), restoreTestPassedAt: ago(2400) };
    expect(findOverdue(proofs, limits, now)).toEqual([]);
  });

  it('names each proof past its limit, with its age', () => {
    const proofs = { firstSeenAt: ago(9000), newestIntactAt: ago(26.1), restoreTestPassedAt: ago(2401) };
    expect(findOverdue(proofs, limits, now)).toMatchObject([
      { subject: 'archive', never: false, limitHours: 26 },
      { subject: 'restore test', ageHours: 2401, never: false },
    ]);
  });

  it('gives a new source its time, and no more', () => {
    expect(findOverdue({ firstSeenAt: ago(26) }, limits, now)).toEqual([]);
    expect(findOverdue({ firstSeenAt: ago(27) }, limits, now)).toMatchObject([
      { subject: 'archive', never: true },
    ]);
  });
});

describe('the newest point that can be recovered', () => {
  const overdue = (point: Parameters<typeof findOverdue>[0]['point'], pointHours?: number) => {
    const proofs = { firstSeenAt: ago(9000), newestIntactAt: ago(1), restoreTestPassedAt: ago(1), point };
    return findOverdue(proofs, { ...limits, ...(pointHours && { pointHours }) }, now).map((one) => [
      one.subject,
      one.never,
      one.limitHours,
    ]);
  };

  it('has a limit of its own, and a first base backup has two days from the first log on', () => {
    expect(overdue(undefined)).toEqual([]);
    expect(overdue({ newestAt: ago(1), since: ago(100) })).toEqual([]);
    expect(overdue({ newestAt: ago(1.1), since: ago(100) })).toEqual([['point', false, 1]]);
    expect(overdue({ newestAt: ago(3), since: ago(100) }, 2)).toEqual([['point', false, 2]]);
    expect(overdue({ newestAt: undefined, since: ago(48) }, 2)).toEqual([]);
    expect(overdue({ newestAt: undefined, since: ago(49) }, 2)).toEqual([['point', true, 48]]);
  });
});

describe('archives that are not as they should be', () => {
  it('lack their manifest for a day, and had none when they were judged', () => {
    const orphan = taken(25, 'no manifest');
    const others = [taken(24, 'no manifest'), taken(26), taken(27, 'no manifest', { hasVerdict: true })];
    expect(findOrphans([...others, orphan], now)).toEqual([orphan]);
  });

  it('are dated by a clock that the store contradicts, the newest of them', () => {
    const ahead = taken(1, 'intact', { clockAheadMs: 3_600_000 });
    expect(findMisdated([taken(2), ahead])).toEqual(ahead);
    expect(findMisdated([{ ...ahead, datedAt: ago(3) }, taken(2)])).toBeUndefined();
    expect(findMisdated([])).toBeUndefined();
  });
});

describe('what was told last', () => {
  const firstSeenAt = ago(9).toISOString();

  it('is nothing of a source that was only seen', () => {
    const state = parseWatchState(JSON.stringify({ firstSeenAt }));
    expect(state && toldOf(state)).toEqual({ of: [], at: undefined });
  });

  it('is each fault, and when', () => {
    const told = { toldOf: ['archive'], toldOrphans: ['x'], toldClock: true, toldAt: ago(2).toISOString() };
    const state = parseWatchState(JSON.stringify({ firstSeenAt, ...told }));
    expect(state && toldOf(state)).toEqual({
      of: ['archive', 'archives without a manifest', "the host's clock"],
      at: ago(2),
    });
  });
});

describe('the dashboard’s database', () => {
  const overdue = (...entries: CatalogueEntry[]) => {
    const sidecar = sidecarProof(entries, limits.archiveHours);
    const proofs = { firstSeenAt: ago(9000), newestIntactAt: ago(1), restoreTestPassedAt: ago(1), sidecar };
    return findOverdue(proofs, limits, now).map(({ subject, limitHours }) => [subject, limitHours]);
  };

  it('is expected only where one ever was, each night where it came each night, else within eight days', () => {
    expect(overdue()).toEqual([]);
    expect(overdue(taken(27), taken(51))).toEqual([['sidecar', 26]]);
    expect(overdue(taken(25), taken(49))).toEqual([]);
    expect(overdue(taken(27))).toEqual([]);
    expect(overdue(taken(180), taken(700))).toEqual([]);
    expect(overdue(taken(193))).toEqual([['sidecar', 192]]);
    expect(overdue(taken(1, 'damaged'), taken(25), taken(49))).toEqual([]);
    expect(overdue(taken(1, 'damaged'), taken(25, 'damaged'), taken(49))).toEqual([['sidecar', 26]]);
  });
});

describe('whatToTell', () => {
  const mail = (state: Parameters<typeof whatToTell>[0], faults: Parameters<typeof whatToTell>[1]) =>
    whatToTell(state, faults, now).mail;

  const state = (toldHoursAgo: number | undefined, toldOf: Subject[]) => ({
    firstSeenAt: ago(9000).toISOString(),
    toldAt: toldHoursAgo === undefined ? undefined : ago(toldHoursAgo).toISOString(),
    toldOf,
  });

  it('tells at once, then daily, not hourly', () => {
    expect(mail(state(undefined, []), [archiveOverdue])).toBe('overdue');
    expect(mail(state(1, ['archive']), [archiveOverdue])).toBe('nothing');
    expect(mail(state(23.9, ['archive']), [archiveOverdue])).toBe('nothing');
    expect(mail(state(24, ['archive']), [archiveOverdue])).toBe('overdue');
  });

  it('tells at once of something new, though it told of another an hour ago', () => {
    expect(mail(state(1, ['restore test']), [archiveOverdue])).toBe('overdue');
  });

  it('tells of a standstill as of the others', () => {
    const standstill = { subject: 'retention' } as const;
    expect(mail(state(1, ['archive']), [archiveOverdue, standstill])).toBe('overdue');
    expect(mail(state(1, ['archive', 'retention']), [standstill])).toBe('nothing');
    expect(mail(state(1, ['retention']), [])).toBe('recovered');
  });

  it('tells once that all is well again', () => {
    expect(mail(state(1, ['archive']), [])).toBe('recovered');
    expect(whatToTell(state(1, ['sidecar']), [], now, ['sidecar']).mail).toBe('nothing');
    expect(mail(state(1, []), [])).toBe('nothing');
  });

  it('tells at once again when it comes back', () => {
    expect(mail(state(2, []), [archiveOverdue])).toBe('overdue');
  });
});
