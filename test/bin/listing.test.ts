import { describe, expect, it } from 'vitest';
import { inAscii, type Listing, painted, standingOf, tableOf } from '../../bin/commands/listing.ts';
import type { CatalogueEntry, Standing } from '../../lib/archive/catalogue-of.ts';
import { archiveIdAt } from '../../lib/archive/names.ts';
import { prices } from '../../lib/cost/prices.ts';
import type { TestPoint } from '../../lib/report/history.ts';

const now = new Date('2026-11-30T08:00:00Z');

function entry(night: number, standing: Standing = 'intact'): CatalogueEntry {
  const id = archiveIdAt('bitagent', new Date(now.getTime() - (5 + 24 * night) * 3_600_000));
  const compressedBytes = 2 ** 30 + (10 - night) * 2 ** 26;
  return { id, standing, datedAt: id.takenAt, clockAheadMs: 0, compressedBytes, lastReadAt: id.takenAt };
}

const entries = [entry(0, 'unverified'), entry(1), entry(2, 'damaged'), entry(3), entry(4, 'accepted')];
const test: TestPoint = {
  archiveId: entries[3]?.id.id ?? '',
  startedAt: new Date('2026-11-27T07:00:00Z'),
  outcome: 'passed',
  inTask: true,
};
const listing: Listing = {
  kind: 'database',
  entries,
  latest: entries[1]?.id.id,
  kept: new Map([[entries[1]?.id.id ?? '', ['younger than 14 days', 'one of the 7 newest intact']]]),
  tests: [test],
};

describe('what offsite list shows', () => {
  it('has all columns where nobody counts them, and fewer on a narrow terminal, those of least use first', () => {
    const headOf = (columns: number) => {
      const table = tableOf(listing, entries, now, columns).split('\n');
      if (columns > 60) for (const line of table) expect(line.length).toBeLessThanOrEqual(columns);
      return table[0]?.replaceAll(/ {2,}/g, '|').trim();
    };
    expect(headOf(1000)).toBe('archive|age|bytes|torrents|read|restored|verdict|stays as');
    expect(headOf(100)).toBe('archive|age|bytes|torrents|read|restored|verdict');
    expect(headOf(80)).not.toContain('read|');
    expect(headOf(62)).toBe('archive|age|verdict');
    expect(headOf(20)).toBe('archive|verdict');
    expect(tableOf(listing, entries, now, 1000)).toContain('yes       intact');
  });

  it('has as many bars as a narrow terminal has room for, and of ASCII alone their heights', () => {
    const many = { ...listing, entries: Array.from({ length: 50 }, (_, night) => entry(night)) };
    const lines = standingOf('bitagent', many, now, 40).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(40);
    const ascii = inAscii(lines.join('\n'));
    expect(ascii).toMatch(/sizes {5}1+2*[1-8]+8$/m);
    expect(ascii).not.toMatch(/[^ -~\n]/);
  });

  it('says first what is not well, then of restore tests and sizes, within 80 columns', () => {
    const told = { of: ['archive'], at: new Date('2026-11-29T07:00:00Z') };
    const said = standingOf('bitagent', { ...listing, told, prices: prices['us-east-1'] }, now, 80);
    for (const line of said.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(said.replaceAll(/\s+/g, ' ')).toMatch(
      /^bitagent NOT WELL: .*1 unverified: .*1 damaged: .* restore the test of 2026-11-27 passed, 3\.0 days ago; the next from 2027-01-01 on sizes ▁.█ 1\.4 GiB to 1\.6 GiB, oldest first alarms MAILED of archive, last on 2026-11-29: docs\/runbook\.md cost \$0\.17 a month for 7\.5 GiB in S3; /,
    );
    const point = { ...test, pointFailed: true };
    expect(standingOf('bitagent', { ...listing, tests: [point] }, now, 300)).toMatch(
      /NOT WELL: .*the last recovery to a point in time failed\n.*passed, but for the recovery to a point: NOT PASSED, 3\.0 days ago/,
    );
    const old = { ...test, startedAt: new Date('2026-09-27T07:00:00Z') };
    expect(standingOf('bitagent', { ...listing, tests: [old] }, now, 200)).toContain(
      'ago; the next is due\n',
    );
    const well = { ...listing, entries: [entry(0), entry(1), entry(2)], tests: [], told: { of: [] } };
    expect(standingOf('bitagent', well, now, 80)).toMatch(/^alarms +none$/m);
    expect(standingOf('bitagent', well, now, 80).replaceAll(/\s+/g, ' ')).toMatch(
      /^bitagent all is well since 2026-11-28: 3 archives in a row intact, the newest 5\.0 h old restore none was tested yet/,
    );
  });

  it('says of nothing that all is well while an alarm is on that its archives do not show', () => {
    const well = { ...listing, entries: [entry(0), entry(1), entry(2)], tests: [] };
    const told = { of: ['retention'], at: new Date('2026-11-29T07:00:00Z') };
    const said = standingOf('bitagent', { ...well, told }, now, 80);
    expect(said).toMatch(/^bitagent +NOT WELL: an alarm is on, see below$/m);
    expect(said).not.toContain('all is well');
  });

  it('colours verdicts, and no name that only looks like one', () => {
    const table = 'a-intact-2026  5 hours  intact (latest)\nx  damaged\ny  suspicious';
    expect(painted(table)).toBe(
      'a-intact-2026  5 hours  \u001b[32mintact\u001b[39m (latest)\nx  \u001b[31mdamaged\u001b[39m\ny  \u001b[33msuspicious\u001b[39m',
    );
  });
});
