// The guard's restore tests: by the cloud's turns, at once and one after the other, into a server that is lent and given back.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { replayEnvironment } from '../../bin/commands/replay-environment.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { takeBaseBackup } from '../../lib/basebackup/take.ts';
import { type GuardTestsOptions, runRestoreTests } from '../../lib/guard/restore-tests.ts';
import { findTestServer } from '../../lib/guard/test-server.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import { query } from '../../lib/postgres/programs.ts';
import { probeDocker } from '../../lib/postgres/throwaway-container.ts';
import { parseInstant } from '../../lib/recovery-point/target.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { parseRestoreReport, type RestoreReport, restoreReportKey } from '../../lib/report/report.ts';
import { turnsKey } from '../../lib/restore-test/turns.ts';
import type { Settings } from '../../lib/settings/config.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { shipWal } from '../../lib/wal/ship.ts';
import { built } from '../fixtures/agent.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { type ArchivingCluster, startArchivingCluster } from '../fixtures/cluster.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { asked, corpusDump, databasesOf, smallCorpus, smallTorrents } from '../fixtures/postgres.ts';

let aws: LocalAws;
let store: ArchiveStore;
let server: ArchivingCluster;
let restoreUrl: string;
const source = 'bitagent';

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  server = await startArchivingCluster();
  const { PGUSER, PGPASSWORD } = server.connection.env;
  restoreUrl = `postgres://${PGUSER}:${PGPASSWORD}@127.0.0.1:${server.port}/postgres?sslmode=disable`;
  await storeArchive(store, { dump: await corpusDump(smallCorpus) });
  // A source with a window: what is lent here is what was backed up, too.
  await loadCorpus(server.connection, { ...smallCorpus, asof: new Date() });
  await asked(server.connection, 'ALTER ROLE bitmagnet RENAME TO the_host');
  await takeBaseBackup({ source, connection: server.connection, store, now: () => new Date() });
  await server.switchWal('CREATE TABLE later (n int); INSERT INTO later VALUES (1);');
  await shipWal({ store, source, folder: server.walFolder, systemIdentifier: undefined });
});
afterAll(async () => {
  await server.stop();
  await aws.stop();
});

/** A run: what was mailed, and which tests have ended. */
async function run(more: Partial<GuardTestsOptions> = {}) {
  const mails: Mail[] = [];
  const reports: RestoreReport[] = [];
  const refused = await runRestoreTests({
    store,
    bucket: aws.bucket,
    sources: ['bitagent', 'new-one'],
    findServer: () => findTestServer({ restoreUrl, postgresMajor: 16 }),
    now: () => new Date(),
    sendMail: async (mail) => void mails.push(mail),
    log: () => {},
    onReport: (report) => reports.push(report),
    ...more,
  });
  return { subjects: mails.map(({ subject }) => subject), reports, refused };
}

/** How the guard's command hands the log to Postgres; what was stored in the last minutes counts for nothing. */
const recovering: Partial<GuardTestsOptions> = {
  pointOf: async (of) => ({
    restoreCommand: `${process.execPath} ${built} wal fetch %f %p`,
    env: await replayEnvironment({ bucket: aws.bucket, source: of, endpoint: aws.endpoint } as Settings),
  }),
  now: () => new Date(Date.now() + 3_600_000),
};

const rolesOf = () => query(server.connection, 'SELECT rolname FROM pg_roles ORDER BY 1');

describe("a guard's restore test", () => {
  it('is told of where it could not be started, and comes again in days', async () => {
    const findServer = () => {
      throw new OffsiteError('PROGRAM_MISSING', 'there is nothing that a restore test could restore into', {
        expected: 'a server',
        found: 'none',
        hint: 'install one',
      });
    };
    const { subjects, refused } = await run({ findServer });
    expect(subjects).toEqual(['[offsite] RESTORE TEST NOT STARTED: bitagent']);
    expect(refused).toEqual([{ source: 'bitagent', refused: 'PROGRAM_MISSING' }]);
    expect((await run()).reports).toEqual([]);
  });

  it('passes, recovers a point of the source, reports, and leaves the server as it was', async () => {
    const before = { roles: await rolesOf(), databases: await databasesOf(server.connection) };
    const { subjects, reports } = await run({ isWanted: true, ...recovering });
    expect(subjects).toEqual([
      expect.stringContaining(`[offsite] Restore test passed: bitagent, ${smallTorrents} torrents, `),
      '[offsite] RESTORE TEST NOT STARTED: new-one',
    ]);
    const [report] = reports;
    if (report === undefined) throw new Error('there is no report');
    const { point } = report;
    expect(point).toMatchObject({ outcome: 'passed', timeline: 1 });
    expect(parseInstant(point?.target ?? '').micros).toBeLessThan(
      parseInstant(point?.window?.until ?? '').micros,
    );
    const stored = await store.readText(restoreReportKey(report, new Date(report.startedAt)));
    expect(parseRestoreReport(stored?.text ?? '')?.point).toEqual(point);
    expect({ roles: await rolesOf(), databases: await databasesOf(server.connection) }).toEqual(before);
  });

  it('is known beforehand to have nowhere to go, where its server or Docker does not answer', async () => {
    const away = 'postgres://x@127.0.0.1:1/postgres?sslmode=disable';
    const { probe } = findTestServer({ restoreUrl: away, postgresMajor: 16 });
    await expect(probe?.()).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1');
    await expect(probeDocker('postgres:16')).rejects.toMatchObject({
      code: 'CONTAINER_UNREACHABLE',
      hint: expect.stringContaining('docker run --rm postgres:16 '),
    });
    vi.unstubAllEnvs();
  });

  it('is not due again in its quarter', async () => {
    expect(await run()).toEqual({ subjects: [], reports: [], refused: [] });
  });

  it('that was killed is told of once, and its turn is over', async () => {
    const running = { taskArn: 'guard:bitagent-2026-11-22-031500Z:2026-11-22T04:00:00.000Z' };
    const since = new Date().toISOString();
    await store.write(turnsKey, JSON.stringify({ running: { ...running, since }, sources: {} }));
    const { subjects } = await run();
    expect(subjects).toEqual(['[offsite] RESTORE TEST FAILED: bitagent, it was killed']);
    expect((await run()).subjects).toEqual([]);
    expect(JSON.parse((await store.readText(turnsKey))?.text ?? '')).not.toHaveProperty('running');
  });

  it('is run at once where a person wants one, also by the run that tells of a killed one', async () => {
    const taskArn = 'guard:bitagent-2026-11-21-031500Z:2026-11-21T04:00:00.000Z';
    const running = { taskArn, since: new Date().toISOString() };
    await store.write(turnsKey, JSON.stringify({ running, sources: {} }));
    const { subjects } = await run({ isWanted: true, sources: [source] });
    expect(subjects).toEqual([
      '[offsite] RESTORE TEST FAILED: bitagent, it was killed',
      expect.stringContaining('[offsite] Restore test passed: bitagent, '),
    ]);
  });

  it('that is interrupted has proven nothing, and failed at nothing: nobody is told, and its turn stays', async () => {
    await store.write(turnsKey, '{}');
    const reportsOf = () => Array.fromAsync(store.list('reports/'), ({ key }) => key);
    for (const key of await reportsOf()) await store.delete(key);
    const [controller, mails] = [new AbortController(), [] as Mail[]];
    const interrupted = run({
      sources: [source],
      signal: controller.signal,
      sendMail: async (mail) => void mails.push(mail),
      log: (line) => void (/download/.test(line) && controller.abort(new Error('SIGTERM'))),
    });
    await expect(interrupted).rejects.toThrow('SIGTERM');
    expect({ mails, reports: await reportsOf() }).toEqual({ mails: [], reports: [] });
    expect((await run({ sources: [source] })).subjects).toEqual([
      expect.stringContaining('[offsite] Restore test passed: bitagent, '),
    ]);
  });

  it('restores into no server that has the roles of the dump, or a database of its name', async () => {
    await asked(server.connection, 'CREATE ROLE bitmagnet');
    expect((await run({ isWanted: true })).subjects[0]).toBe(
      '[offsite] RESTORE TEST FAILED: bitagent: the server already has roles that the dump names',
    );
    await asked(server.connection, 'DROP ROLE bitmagnet');
    await query(server.connection, 'CREATE DATABASE restore_test');
    const { subjects } = await run({ isWanted: true });
    expect(subjects[0]).toMatch(/RESTORE TEST FAILED: bitagent: the server of restoreUrl has a database/);
    expect(await databasesOf(server.connection)).toContain('restore_test');
  });
});
