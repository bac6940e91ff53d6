import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OffsiteError } from '../../lib/base/errors.ts';
import { restoreTimeLimitMs, sizeRestoreTask } from '../../lib/cost/task-size.ts';

const gib = 1024 ** 3;
/** 16384 GiB of volume, less 8, hold 2.2 times this. */
const most = Math.floor((16_376 / 2.2) * gib);
const anyPlain = fc.oneof(fc.integer({ min: 0, max: 200 * gib }), fc.integer({ min: 0, max: most }));

/** What Fargate takes: least, most, step. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html */
const memoryMib: Record<number, [number, number, number]> = {
  1024: [2048, 8192, 1024],
  2048: [4096, 16_384, 1024],
  4096: [8192, 30_720, 1024],
  8192: [16_384, 61_440, 4096],
};

describe('sizeRestoreTask', () => {
  it('asks for a pair of CPU and memory that Fargate offers', () => {
    fc.assert(
      fc.property(anyPlain, (plainBytes) => {
        const size = sizeRestoreTask(plainBytes);
        const [least, greatest, step] = memoryMib[size.cpu] as [number, number, number];
        expect(size.memoryMib).toBeGreaterThanOrEqual(least);
        expect(size.memoryMib).toBeLessThanOrEqual(greatest);
        expect(size.memoryMib % step).toBe(0);
      }),
    );
  });

  it('never gives less room than the restored database needs, on storage or a volume that there is', () => {
    fc.assert(
      fc.property(anyPlain, fc.integer({ min: 0, max: 16_000 * gib }), (plainBytes, pointBytes) => {
        const { ephemeralStorageGib, volume } = sizeRestoreTask(plainBytes, pointBytes);
        expect(ephemeralStorageGib).toBeGreaterThanOrEqual(21);
        expect(ephemeralStorageGib).toBeLessThanOrEqual(200);
        const roomGib = volume?.sizeGib ?? ephemeralStorageGib;
        expect(roomGib).toBeGreaterThanOrEqual((plainBytes / gib) * 2.2 + 8);
        expect(roomGib).toBeGreaterThanOrEqual(pointBytes / gib + 8);
        if (volume === undefined) return;
        expect(Number.isInteger(volume.sizeGib)).toBe(true);
        expect(volume.sizeGib).toBeLessThanOrEqual(16_384);
        // gp3: 3000 to 16,000 operations, 500 for each GiB at most; 125 to 1000 MiB/s, a quarter MiB/s each at most.
        expect(volume.iops).toBeGreaterThanOrEqual(3000);
        expect(volume.iops).toBeLessThanOrEqual(Math.min(16_000, volume.sizeGib * 500));
        expect(volume.throughputMib).toBeGreaterThanOrEqual(125);
        expect(volume.throughputMib).toBeLessThanOrEqual(Math.min(1000, volume.iops / 4));
      }),
    );
  });

  it('never gives less for more', () => {
    fc.assert(
      fc.property(anyPlain, anyPlain, (one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)].map(sizeRestoreTask);
        expect(more?.cpu).toBeGreaterThanOrEqual(less?.cpu ?? 0);
        expect(more?.memoryMib).toBeGreaterThanOrEqual(less?.memoryMib ?? 0);
        if (less?.volume) expect(more?.volume?.sizeGib).toBeGreaterThanOrEqual(less.volume.sizeGib);
      }),
    );
  });

  it('takes a volume where 200 GiB of task storage end, and not before', () => {
    const last = Math.floor((192 / 2.2) * gib);
    expect(sizeRestoreTask(last)).toEqual({ cpu: 4096, memoryMib: 16_384, ephemeralStorageGib: 200 });
    expect(sizeRestoreTask(last + 1)).toEqual({
      cpu: 4096,
      memoryMib: 16_384,
      ephemeralStorageGib: 21,
      volume: { sizeGib: 201, iops: 6000, throughputMib: 500 },
    });
  });

  it('refuses, before anything starts, what cannot fit', () => {
    expect(sizeRestoreTask(most).volume?.sizeGib).toBe(16_384);
    expect(() => sizeRestoreTask(most + gib)).toThrow(OffsiteError);
    try {
      sizeRestoreTask(9000 * gib);
    } catch (error) {
      expect(error).toMatchObject({ code: 'RESTORE_TEST_TOO_LARGE' });
      expect((error as OffsiteError).found).toContain('8.8 TiB');
      expect((error as OffsiteError).expected).toContain('7.3 TiB');
    }
  });
});

it('a restore test may take several times as long as such a dump takes, and is not paid for without end', () => {
  fc.assert(
    fc.property(anyPlain, (plainBytes) => {
      const expectedMs = (plainBytes / 25e6) * 1000;
      const limitMs = restoreTimeLimitMs(plainBytes);
      expect(limitMs).toBeGreaterThanOrEqual(3_600_000 + expectedMs * 4);
      expect(limitMs).toBeLessThanOrEqual(3_601_000 + expectedMs * 7);
    }),
  );
});
