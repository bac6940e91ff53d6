import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OffsiteError } from '../../lib/core/errors.ts';
import { sizeRestoreTask } from '../../lib/core/restore-task-size.ts';

const gib = 1024 ** 3;

/** What Fargate takes. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html */
const memoryMib: Record<number, [number, number]> = {
  1024: [2048, 8192],
  2048: [4096, 16_384],
  4096: [8192, 30_720],
};

describe('sizeRestoreTask', () => {
  it('asks for sizes that Fargate offers, and never for less disk than the restored database needs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 87 * gib }), (plainBytes) => {
        const size = sizeRestoreTask(plainBytes);
        const [least, most] = memoryMib[size.cpu] as [number, number];
        expect(size.memoryMib).toBeGreaterThanOrEqual(least);
        expect(size.memoryMib).toBeLessThanOrEqual(most);
        expect(size.ephemeralStorageGib).toBeGreaterThanOrEqual(Math.max(21, (plainBytes / gib) * 1.8));
        expect(size.ephemeralStorageGib).toBeLessThanOrEqual(200);
      }),
    );
  });

  it('refuses, before anything starts, what cannot fit', () => {
    expect(() => sizeRestoreTask(88 * gib)).toThrow(OffsiteError);
    try {
      sizeRestoreTask(170 * gib);
    } catch (error) {
      expect(error).toMatchObject({ code: 'RESTORE_TEST_TOO_LARGE' });
      expect((error as OffsiteError).found).toContain('170 GiB');
      expect((error as OffsiteError).expected).toContain('87.3 GiB');
    }
  });
});
