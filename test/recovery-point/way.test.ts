// Which base backup and which timeline a recovery takes, where there are several of each; and that what it leaves is told.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseWalFile, type WalFile, walKey } from '../../lib/archive/wal-names.ts';
import { recoverPoint } from '../../lib/recovery-point/recover.ts';
import { parseTarget, type RecoveryTarget, type TargetFlags } from '../../lib/recovery-point/target.ts';
import type { Way } from '../../lib/recovery-point/way.ts';
import { historyName } from '../../lib/wal/history.ts';
import { formatLsn } from '../../lib/wal/segment.ts';
import { storeOf } from '../fixtures/agent.ts';
import { storeBaseBackup } from '../fixtures/base-backup.ts';
import { ownMajor } from '../fixtures/majors.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';
import { namesFrom, segmentBytes, systemIdentifier } from '../fixtures/wal.ts';

const source = 'bitagent';
let stub: S3Stub;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offsite-ways-'));
  // The server's user is to enter it.
  await chmod(folder, 0o755);
  stub = await startS3Stub();
});
beforeEach(() => stub.bucket.objects.clear());
afterAll(async () => {
  await stub.stop();
  rmSync(folder, { recursive: true, force: true });
});

function put(name: string, text: string): void {
  const sha256 = createHash('sha256').update(text).digest('hex');
  const file = parseWalFile(name) as WalFile;
  stub.bucket.put(walKey({ source, systemIdentifier, file, sha256 }), gzipSync(text), {});
}

const hour = (at: number) => new Date(Date.UTC(2026, 10, 30, at));
const base = async (at: number, segment: number, timeline = 1) => {
  const major = await ownMajor();
  const cluster = { systemIdentifier, segmentBytes, dataChecksums: false, serverVersion: `${major}.1` };
  const record = { cluster: { ...cluster, serverVersionNumber: major * 10_000 + 1 } };
  return storeBaseBackup(storeOf(stub), { source, takenAt: hour(at), segment, timeline, record });
};
const log = (timeline: number, from: number, count: number) => {
  for (const name of namesFrom(from, count, timeline)) put(name, name);
};
/** In the midst of a segment. */
const fork = (segment: number) => formatLsn(BigInt(segment * segmentBytes + 1000));
const history = (timeline: number, ...ancestors: readonly (readonly [timeline: number, segment: number])[]) =>
  put(historyName(timeline), ancestors.map(([line, at]) => `${line}\t${fork(at)}\tno reason\n`).join(''));

/** What would be recovered, and what is warned of. */
async function wayTo(flags: TargetFlags, timeline?: number) {
  const warnings: string[] = [];
  let found: Way | undefined;
  const recovering = recoverPoint({
    store: storeOf(stub),
    source,
    target: parseTarget(flags) as RecoveryTarget,
    timeline,
    despiteGap: false,
    from: undefined,
    folder: join(folder, 'data'),
    restoreCommand: 'false',
    env: {},
    warn: (sentence) => warnings.push(sentence),
    onWay: (way) => {
      found = way;
      throw new Error('enough');
    },
  });
  const error = await recovering.then(
    () => undefined,
    (thrown) => thrown,
  );
  if (error?.message !== 'enough') throw error;
  return { base: found?.base.id.id, timeline: found?.timeline, warnings };
}

describe('a timeline', () => {
  it('that the newest base backup does not lead to is come to from the newest that does', async () => {
    const [old] = [await base(1, 3), await base(5, 8, 2)];
    log(1, 3, 4);
    history(2, [1, 6]);
    log(2, 6, 4);
    history(3, [1, 5]);
    log(3, 5, 9);
    expect(await wayTo({ toLatest: true }, 3)).toEqual({ base: old.id, timeline: 3, warnings: [] });
    expect(await wayTo({ toLatest: true }, 1)).toMatchObject({ base: old.id, timeline: 1 });
  });

  it('that is newer than what is followed is told, whether or not the base backup leads to it', async () => {
    await base(1, 3);
    const newest = await base(5, 8, 2);
    log(1, 3, 3);
    history(2, [1, 6]);
    log(2, 6, 4);
    history(3, [1, 6]);
    log(3, 6, 9);
    const { base: taken, timeline, warnings } = await wayTo({ toLatest: true });
    expect([taken, timeline]).toEqual([newest.id, 2]);
    expect(warnings).toEqual([expect.stringMatching(/^timeline 3 goes on to 0\/F00000, .*--timeline 3/)]);
  });

  it('that left the one which is followed, and goes on beside it, is told', async () => {
    await base(1, 3);
    log(1, 3, 3);
    history(2, [1, 6]);
    log(2, 6, 40);
    history(3, [1, 6]);
    log(3, 6, 1);
    const { timeline, warnings } = await wayTo({ toLatest: true });
    expect(timeline).toBe(3);
    expect(warnings).toEqual([expect.stringMatching(/^timeline 2 goes on .*--timeline 2/)]);
    expect(await wayTo({ toLatest: true }, 3)).toMatchObject({ timeline: 3, warnings: [] });
  });

  it('of a recovery that was tried and archived is followed until a base backup of the server is taken again', async () => {
    await base(1, 3);
    log(1, 3, 6);
    history(2, [1, 6]);
    log(2, 6, 1);
    expect(await wayTo({ toLatest: true })).toMatchObject({ timeline: 2 });
    const again = await base(5, 8);
    expect(await wayTo({ toLatest: true })).toMatchObject({
      base: again.id,
      timeline: 1,
      // A newer one is told of whoever began it.
      warnings: [expect.stringMatching(/^timeline 2 goes on/)],
    });
  });

  it('that was given up before the base backup was taken is no matter', async () => {
    history(2, [1, 6]);
    log(1, 3, 9);
    log(2, 6, 9);
    history(3, [1, 6]);
    log(3, 6, 9);
    await base(1, 8, 3);
    expect(await wayTo({ toLatest: true })).toMatchObject({ timeline: 3, warnings: [] });
  });

  it('that two servers have begun is not followed, and it is said how one history comes to stand alone', async () => {
    await base(1, 3);
    log(1, 3, 9);
    history(2, [1, 5]);
    history(2, [1, 6]);
    await expect(wayTo({ toLatest: true })).rejects.toMatchObject({
      code: 'WAL_CONFLICT',
      hint: expect.stringContaining('aws s3 rm'),
    });
  });
});
