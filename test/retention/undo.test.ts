import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseArchiveId } from '../../lib/archive/names.ts';
import type { RetentionPlan } from '../../lib/retention/plan.ts';
import { backupSidecar } from '../../lib/sidecar/backup.ts';
import { expireSidecars } from '../../lib/sidecar/expire.ts';
import { sidecarKeys } from '../../lib/sidecar/names.ts';
import { verifySidecar } from '../../lib/sidecar/verify.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { createVault } from '../fixtures/vault.ts';
import { describeUndo } from './undo.contract.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so undo is not tested');

describe.skipIf(!hasMoto)('undo at moto', () => {
  let moto: Moto;
  let made = 0;

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
  });
  afterAll(() => moto.stop());

  describeUndo(async () => {
    made += 1;
    const bucket = `undo-${made}`;
    await createVault(bucket);
    return bucket;
  }, 'aws');

  it('the dashboard’s comes back by the same rules, is held, and is listed as a second kind', async () => {
    const bucket = 'undo-sidecar';
    await createVault(bucket);
    const store = createS3Store({ bucket });
    const folder = mkdtempSync(join(tmpdir(), 'offsite-undo-'));
    const path = join(folder, 'ui.db');
    const database = new DatabaseSync(path);
    database.exec('CREATE TABLE settings (name text)');
    database.close();
    const now = new Date();
    const ago = (days: number) => new Date(now.getTime() - days * 86_400_000);
    const ids: string[] = [];
    for (const takenAt of [ago(20), ago(0.5)]) {
      const { id } = await backupSidecar({ source: 'bitagent', place: { path }, store, now: () => takenAt });
      const verdict = await verifySidecar({ store, id: parseArchiveId(id), now: () => now });
      await store.write(sidecarKeys(parseArchiveId(id)).verdict, JSON.stringify(verdict));
      ids.push(id);
    }
    const [old = '', young] = ids;
    const policy = { keepDays: 14, keepIntact: 1, freshnessHours: 26, atOnce: true };
    const expired = async () => {
      const plans: RetentionPlan[] = [];
      await expireSidecars({ store, policy, now, dryRun: false, onPlan: (plan) => plans.push(plan) });
      return plans.flatMap(({ expire }) => expire.map(({ id }) => id));
    };
    expect(await expired()).toEqual([old]);

    const env = { ...moto.env, OFFSITE_BUCKET: bucket };
    expect((await offsiteHere(['undo', '--sidecar'], env)).stdout).toContain(old);
    expect((await offsiteHere(['undo', old], env)).stderr).toContain('[ARCHIVE_MISSING]');
    expect((await offsite(['undo', '--sidecar', old], env)).stdout).toContain(`${old} is back`);
    expect(await expired()).toEqual([]);
    const listed = await offsiteHere(['list', '--json'], env);
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { kind: 'sidecar', id: young, verdict: 'intact', latest: true },
      { kind: 'sidecar', id: old, verdict: 'intact', latest: false },
    ]);
    const shown = await offsiteHere(['list'], env);
    expect(shown.stdout).toMatch(/^The dashboard's own database:$/m);
    expect(shown.stderr).toContain("'offsite backup' takes one");
    rmSync(folder, { recursive: true });
  });
});
