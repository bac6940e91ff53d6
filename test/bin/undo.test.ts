// offsite undo as an operator meets it: what is printed, and with which exit code.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createS3Store } from '../../lib/store/s3.ts';
import { answerOf } from '../fixtures/answer.ts';
import { plansOfExpire, verifiedArchive } from '../fixtures/archives.ts';
import { offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { createVault } from '../fixtures/vault.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so offsite undo is not tested');

describe.skipIf(!hasMoto)('offsite undo', () => {
  let moto: Moto;
  let oldId: string;
  let freshId: string;
  const run = (...args: string[]) => offsiteHere(args, environment());
  const environment = () => ({ ...moto.env, OFFSITE_BUCKET: 'vault' });

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
    await createVault('vault');
    const store = createS3Store({ bucket: 'vault' });
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
    oldId = (await verifiedArchive(store, 'bitagent', hoursAgo(20 * 24))).id;
    freshId = (await verifiedArchive(store, 'bitagent', hoursAgo(1))).id;
    const policy = { keepDays: 14, keepIntact: 1, freshnessHours: 26 };
    await plansOfExpire({ store, policy, now: new Date(), dryRun: false });
  });
  afterAll(() => moto.stop());

  it('shows what can be brought back, brings it back, and list shows it again', async () => {
    expect((await run('list')).stdout).not.toContain(oldId);
    const shown = await run('undo');
    expect(shown.stdout).toMatch(new RegExp(`^archive +bytes +deleted +lives until\n${oldId} .*00:00 UTC$`));
    for (const line of shown.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const done = await offsite(['undo', oldId, '--hold-days', '3'], environment());
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
    expect(done.stdout).toMatch(
      new RegExp(
        `^${oldId} is back, \\d+ B; its versions would have been removed after .* 00:00 UTC\n  held until .* UTC: `,
      ),
    );
    expect((await run('list')).stdout).toMatch(new RegExp(`^${oldId} .* intact +-$`, 'm'));
    const again = await run('undo', oldId, '--json');
    expect(answerOf('undo', again.stdout)).toMatchObject({
      id: oldId,
      broughtBack: [],
      wouldHaveGoneAt: null,
    });
    expect((await run('undo')).stderr).toMatch(/^nothing of bitagent in vault can be brought back/);
    expect(answerOf('undo (without an archive)', (await run('undo', '--json')).stdout)).toEqual([]);
  });

  it('refuses with a code of its own', async () => {
    expect(await run('undo', freshId)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('[ARCHIVE_NOT_EXPIRED]'),
    });
    expect(await run('undo', 'bitagent-2020-01-01-000000Z')).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining('[ARCHIVE_MISSING]'),
    });
    expect(await run('undo', 'yesterday')).toMatchObject({ exitCode: 2 });
    expect(await run('undo', oldId, '--hold-days', '0')).toMatchObject({ exitCode: 2 });
  });
});
