import { describe, expect, it } from 'vitest';
import { prices } from '../../lib/cost/prices.ts';
import { formatUsd, restoreTestCost } from '../../lib/report/cost.ts';
import { passed } from '../fixtures/reports.ts';

const startedAt = '2026-11-23T05:00:00.000Z';
const task = { vcpu: 2, memoryMib: 4096, storageGib: 40, billedFrom: '2026-11-23T04:30:00.000Z' };
const price = prices['us-east-1'];

describe('restoreTestCost', () => {
  it('charges from the pulling of the image to the end, storage above what is free', () => {
    const usd = restoreTestCost({ ...passed, startedAt, durationMs: 30 * 60_000, task }, 'us-east-1');
    const expected =
      2 * price.fargateVcpuHour +
      4 * price.fargateGbHour +
      20 * price.fargateStorageGbHour +
      price.publicIpv4Hour;
    expect(usd).toBeCloseTo(expected, 9);
  });

  it('charges the volume, what it does beyond plain gp3, and no address where there was none', () => {
    const volume = { sizeGib: 383, iops: 6000, throughputMib: 500 };
    const large = { ...task, storageGib: 21, volume, publicAddress: false };
    const usd = restoreTestCost({ ...passed, startedAt, durationMs: 30 * 60_000, task: large }, 'us-east-1');
    const month = 383 * price.ebsGbMonth + 3000 * price.ebsIopsMonth + 375 * price.ebsThroughputMibMonth;
    const expected =
      2 * price.fargateVcpuHour + 4 * price.fargateGbHour + price.fargateStorageGbHour + month / 730;
    expect(usd).toBeCloseTo(expected, 9);
  });

  it('charges a minute at least', () => {
    const short = { ...passed, startedAt, durationMs: 1000, task: { ...task, billedFrom: undefined } };
    const minute = { ...short, durationMs: 60_000 };
    expect(restoreTestCost(short, 'us-east-1')).toBe(restoreTestCost(minute, 'us-east-1'));
  });

  it('takes the dearer prices where the region is not known, and none outside of Fargate', () => {
    const report = { ...passed, startedAt, task };
    expect(restoreTestCost(report)).toBe(restoreTestCost(report, 'eu-central-1'));
    expect(restoreTestCost(report) ?? 0).toBeGreaterThan(restoreTestCost(report, 'us-east-1') ?? 0);
    expect(restoreTestCost({ ...report, task: undefined })).toBeUndefined();
  });

  it('is said in cents', () => {
    expect([0.031, 1.5, 0.004].map(formatUsd)).toEqual(['$0.03', '$1.50', '< $0.01']);
  });
});
