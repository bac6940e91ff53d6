import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EstimateInput } from '../../lib/cost/lines.ts';
import { pricedLike, pricedRegions } from '../../lib/cost/prices.ts';
import { estimateCost } from '../../lib/estimate/monthly.ts';

const GB = 1e9;
const usual: EstimateInput = {
  compressedBytes: 2 * GB,
  plainBytes: 10 * GB,
  archivesPerDay: 1,
  keepDays: 14,
  undoDays: 7,
  encryption: 's3',
  agentAccess: 'policy',
  restoreTestNetwork: 'public',
  region: 'us-east-1',
};

const anyInput: fc.Arbitrary<EstimateInput> = fc.record({
  compressedBytes: fc.integer({ min: 1, max: 5e12 }),
  plainBytes: fc.integer({ min: 1, max: 25e12 }),
  archivesPerDay: fc.integer({ min: 1, max: 24 }),
  keepDays: fc.integer({ min: 1, max: 4000 }),
  keptBeyondDays: fc.array(fc.integer({ min: 1, max: 4000 }), { maxLength: 20 }),
  undoDays: fc.integer({ min: 1, max: 400 }),
  encryption: fc.constantFrom('s3', 'kms'),
  agentAccess: fc.constantFrom('policy', 'user', 'rolesAnywhere'),
  restoreTestNetwork: fc.constantFrom('public', 'endpoints'),
  glacierAfterDays: fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }),
  points: fc.option(
    fc.record({
      baseBackupBytes: fc.integer({ min: 1, max: 5e12 }),
      baseBackupDays: fc.integer({ min: 1, max: 60 }),
      walBytesPerDay: fc.integer({ min: 1, max: 5e12 }),
    }),
    { nil: undefined },
  ),
  region: fc.constantFrom('us-east-1', 'eu-central-1', 'ap-south-1'),
});
const total = (input: EstimateInput) => estimateCost(input).totalCents;

describe('points in time', () => {
  const points = { baseBackupBytes: 20 * GB, baseBackupDays: 7, walBytesPerDay: GB };
  const added = (changes: Partial<typeof points> = {}) =>
    total({ ...usual, points: { ...points, ...changes } }) - total(usual);

  it('cost what is stored for them, the requests of a segment a minute, and what reads them', () => {
    const { lines } = estimateCost({ ...usual, points });
    const of = (what: string) => lines.find((one) => one.what === what);
    // Four at 15 days of which each is one in seven, and what waits for undo.
    expect(of('S3 Standard: base backups')?.basis).toMatch(/^5\.1 of /);
    expect(of('S3 Standard: log')?.basis).toMatch(/ x 30 days$/);
    expect(of('S3 requests: log')?.basis).toMatch(/^43,800 PUT/);
    expect(added({ walBytesPerDay: 300 * GB })).toBeGreaterThan(50 * added());
    expect(added({ baseBackupDays: 1 })).toBeGreaterThan(added());
    // A function reads those of 20 GB; what is larger is read by a task, for an hour's cents.
    expect(of('Fargate: verify base backups')).toBeUndefined();
    const large = { ...points, baseBackupBytes: 150 * GB };
    const task = estimateCost({ ...usual, points: large }).lines.find(
      ({ what }) => what === 'Fargate: verify base backups',
    );
    expect(task?.basis).toMatch(/^2\.\d hours/);
    expect(task?.cents).toBeGreaterThan(8);
    expect(task?.cents).toBeLessThan(30);
  });
});

describe('estimateCost', () => {
  it('has nothing negative, and its lines are its total to the cent', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const { lines, totalCents, full, fetchOnce } = estimateCost(input);
        const all = [...lines, ...full.lines];
        for (const { cents } of [...all, fetchOnce]) {
          expect(Number.isSafeInteger(cents) && cents >= 0).toBe(true);
        }
        expect(lines.reduce((sum, { cents }) => sum + cents, 0)).toBe(totalCents);
        expect(all.reduce((sum, { cents }) => sum + cents, 0)).toBe(full.totalCents);
        expect(new Set(all.map(({ what }) => what)).size).toBe(all.length);
      }),
    );
  });

  it('never falls when archives grow, or more of them are taken', () => {
    fc.assert(
      fc.property(anyInput, fc.nat(1e12), fc.nat(1e12), fc.nat(5), (input, more, morePlain, moreOften) => {
        const larger = {
          ...input,
          compressedBytes: input.compressedBytes + more,
          plainBytes: input.plainBytes + morePlain,
          archivesPerDay: input.archivesPerDay + moreOften,
        };
        expect(total(larger)).toBeGreaterThanOrEqual(total(input));
      }),
      { numRuns: 500 },
    );
  });

  it('never falls when archives are kept for longer in one class', () => {
    fc.assert(
      fc.property(anyInput, fc.nat(1000), fc.nat(100), (input, days, undo) => {
        const standard = { ...input, glacierAfterDays: undefined };
        const longer = {
          ...standard,
          keepDays: standard.keepDays + days,
          undoDays: standard.undoDays + undo,
        };
        expect(total(longer)).toBeGreaterThanOrEqual(total(standard));
      }),
    );
  });

  it('reckons two GB a night, for fourteen days, as a person does', () => {
    const { lines, full } = estimateCost(usual);
    const of = (what: string) => [...lines, ...full.lines].find((one) => one.what === what)?.cents;
    // 1.8626 GiB x 15 days x 0.023, and x 8 days.
    expect(of('S3 Standard: archives')).toBe(64);
    expect(of('S3 Standard: expired, for undo')).toBe(34);
    // 382 parts and 4 more, 30.4 nights, half a cent a thousand.
    expect(of('S3 requests: upload, verify')).toBe(6);
    expect(of('CloudWatch: alarms')).toBe(40);
    expect(of('CloudWatch: dashboard')).toBe(300);
  });

  it('charges ninety days of Glacier, though archives are there for less', () => {
    const moved = estimateCost({ ...usual, glacierAfterDays: 1 }).lines;
    const line = moved.find(({ what }) => what === 'S3 Glacier Instant Retrieval');
    expect(line?.basis).toMatch(/ x 90 days$/);
    expect(line?.cents).toBe(67);
    expect(total({ ...usual, keepDays: 400, glacierAfterDays: 30 })).toBeLessThan(
      total({ ...usual, keepDays: 400 }),
    );
    const beyond = (glacierAfterDays?: number) =>
      estimateCost({ ...usual, keptBeyondDays: [20, 40, 100, 400], glacierAfterDays }).lines.find(
        ({ what }) => what.startsWith('S3: weekly'),
      );
    // Two of 1.86 GiB at 0.023 and two at 0.004, as they are older; what is younger lies where it was put.
    expect(beyond(90)).toMatchObject({ basis: expect.stringMatching(/ x 4, 2 Glacier$/), cents: 10 });
    expect(beyond(10)).toMatchObject({ basis: expect.stringMatching(/ x 4, 4 Glacier$/), cents: 3 });
    expect(beyond(1000)).toEqual(beyond());
    // What is expired before does not move.
    expect(estimateCost({ ...usual, glacierAfterDays: 15 })).toEqual(estimateCost(usual));
  });

  it('reckons the restore test of a dump beyond task storage with its volume, however large', () => {
    const test = (plainBytes: number) =>
      estimateCost({ ...usual, plainBytes }).lines.find(({ what }) => what.startsWith('Fargate'));
    expect(test(295 * GB)?.basis).toMatch(/^8 vCPU, 32\+613 GB, 3 h 18 min$/);
    // 3.31 h of 8 vCPU, 32 GB, 1 GB of task storage, a volume of 613 GB with its rate, an address; a third of it.
    expect(test(295 * GB)?.cents).toBe(64);
    expect(test(50_000 * GB)?.cents).toBeGreaterThan(test(295 * GB)?.cents ?? 0);
  });

  it('adds a line for each choice that costs', () => {
    const what = (input: EstimateInput) => estimateCost(input).lines.map((one) => one.what);
    const dear = {
      ...usual,
      encryption: 'kms',
      agentAccess: 'user',
      restoreTestNetwork: 'endpoints',
    } as const;
    expect(what(dear)).toEqual([
      ...what(usual),
      'KMS: the key',
      "Secrets Manager: the agent's key",
      'VPC: endpoints, restore test',
    ]);
    const endpoints = estimateCost(dear).lines.at(-1);
    expect(endpoints?.cents).toBe(2920);
    const large = { ...usual, compressedBytes: 60 * GB, plainBytes: 295 * GB };
    expect(what(large)).toContain('Step Functions: verify in ranges');
  });
});

describe('pricedLike', () => {
  it('is the region itself, or the dearer of those that are alike', () => {
    expect(pricedRegions.map(pricedLike)).toEqual(pricedRegions);
    expect(pricedLike('us-west-2')).toBe('us-east-1');
    for (const region of ['eu-west-3', 'ap-south-1', 'us-gov-west-1', 'nonsense']) {
      expect(pricedLike(region)).toBe('eu-central-1');
    }
    expect(total({ ...usual, region: 'eu-central-1' })).toBeGreaterThan(total(usual));
  });
});
