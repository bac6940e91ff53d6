// The lock of what stays longer than its days, at moto's Object Lock with the real handler; and, purely, that none is shortened.

import { HeadObjectCommand, PutObjectRetentionCommand } from '@aws-sdk/client-s3';
import type { Context } from 'aws-lambda';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { lockUntil } from '../../lib/retention/lock.ts';
import { parseKept, planKey } from '../../lib/retention/stored-plan.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { verifiedArchive } from '../fixtures/archives.ts';
import { setHandlerSettings } from '../fixtures/handler-settings.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { anotherClient, createVault } from '../fixtures/vault.ts';

const dayMs = 86_400_000;

describe('lockUntil', () => {
  it('never ends a lock earlier, nor asks for more than keepDays, and lets none end within two days', () => {
    const now = new Date('2026-11-23T06:00:00Z');
    fc.assert(
      fc.property(
        fc.option(fc.integer({ min: -1000, max: 9000 }), { nil: undefined }),
        fc.integer({ min: 1, max: 4000 }),
        (hours, keepDays) => {
          const until = hours === undefined ? undefined : new Date(now.getTime() + hours * 3_600_000);
          const wanted = lockUntil(until, keepDays, now);
          const ends = wanted ?? until;
          if (wanted !== undefined) {
            expect(wanted.getTime()).toBeGreaterThan(until?.getTime() ?? 0);
            expect(wanted.getTime()).toBeLessThan(now.getTime() + keepDays * dayMs);
          }
          const least = Math.min(2 * dayMs, keepDays * dayMs - 3_600_000);
          expect(ends?.getTime()).toBeGreaterThanOrEqual(now.getTime() + least);
        },
      ),
    );
  });
});

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so no lock is extended');

describe.skipIf(!hasMoto)('expire at a locked vault', () => {
  const bucket = 'locked';
  const context = { awsRequestId: 'r', functionName: 'expire' } as Context;
  const now = Date.now();
  let moto: Moto;
  let store: ArchiveStore;
  const before = { ...process.env };

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
    setHandlerSettings(bucket, 'arn:aws:sns:eu-central-1:123456789012:none', {
      OFFSITE_KEEP_INTACT: '1',
      OFFSITE_KEEP_WEEKLY: '9',
      OFFSITE_LOCK_MODE: 'GOVERNANCE',
    });
    await createVault(bucket);
    store = createS3Store({ bucket });
  });
  afterAll(async () => {
    process.env = before;
    await moto.stop();
  });

  const keysOf = ({ id }: Manifest) => {
    const { archive, manifest } = archiveKeys(parseArchiveId(id));
    return [archive, manifest];
  };
  const lockedDays = async (manifest: Manifest) => {
    const heads = keysOf(manifest).map((Key) =>
      anotherClient().send(new HeadObjectCommand({ Bucket: bucket, Key })),
    );
    return (await Promise.all(heads)).map(({ ObjectLockMode, ObjectLockRetainUntilDate }) => {
      const days = ((ObjectLockRetainUntilDate?.getTime() ?? 0) - now) / dayMs;
      return `${ObjectLockMode} ${Math.round(days * 10) / 10}`;
    });
  };
  /** As an archive of another age has it; moto lets anybody set anything. */
  const lock = async (manifest: Manifest, days: number, Mode: 'GOVERNANCE' | 'COMPLIANCE') => {
    const Retention = { Mode, RetainUntilDate: new Date(now + days * dayMs) };
    for (const Key of keysOf(manifest)) {
      await anotherClient().send(new PutObjectRetentionCommand({ Bucket: bucket, Key, Retention }));
    }
  };

  it('extends what stays for its week and ends soon, leaves what lasts longer, and says why each stays', async () => {
    const { handler } = await import('../../lambda/expire.ts');
    // Weeks apart, whichever day it is today; two in the oldest week's stead would go one by one.
    const [fresh, ending, strict, long] = (await Promise.all(
      [0.1, 15, 22, 29].map((days) => verifiedArchive(store, 'bitagent', new Date(now - days * dayMs))),
    )) as [Manifest, Manifest, Manifest, Manifest];
    await lock(ending, 0.5, 'GOVERNANCE');
    await lock(strict, 1, 'COMPLIANCE');
    await lock(long, 100, 'GOVERNANCE');
    const all = () => Promise.all([fresh, ending, strict, long].map(lockedDays));
    const first = await all();
    await handler({ dryRun: true }, context);
    expect(await all()).toEqual(first);
    expect(await store.readText(planKey('bitagent'))).toBeUndefined();
    await handler({}, context);
    expect(await all()).toEqual([
      ['GOVERNANCE 14', 'GOVERNANCE 14'],
      ['GOVERNANCE 14', 'GOVERNANCE 14'],
      ['COMPLIANCE 14', 'COMPLIANCE 14'],
      ['GOVERNANCE 100', 'GOVERNANCE 100'],
    ]);
    const kept = parseKept((await store.readText(planKey('bitagent')))?.text ?? '');
    expect([...kept.keys()].sort()).toEqual([fresh, ending, strict, long].map(({ id }) => id).sort());
    expect(kept.get(ending.id)).toEqual([expect.stringMatching(/^newest of week \d{4}-W\d\d$/)]);
  });
});
