// The guard's restore tests: by the cloud's turns, at once and one after the other, into a server that is lent and given back.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OffsiteError } from '../../lib/base/errors.ts';
import { type GuardTestsOptions, runRestoreTests } from '../../lib/guard/restore-tests.ts';
import { findTestServer } from '../../lib/guard/test-server.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import type { LocalAws } from '../../lib/rehearsal/aws/local-aws.ts';
import { type RestoreReport, restoreReportKey } from '../../lib/report/report.ts';
import { turnsKey } from '../../lib/restore-test/turns.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { corpusDump, databasesOf, smallCorpus, smallTorrents } from '../fixtures/postgres.ts';

let aws: LocalAws;
let store: ArchiveStore;
let server: ThrowawayPostgres;
let restoreUrl: string;

beforeAll(async () => {
  aws = await startLocalAws();
  store = createS3Store({ bucket: aws.bucket });
  server = await startThrowawayPostgres({ tuned: true });
  const { PGUSER, PGPASSWORD } = server.connection.env;
  restoreUrl = `postgres://${PGUSER}:${PGPASSWORD}@127.0.0.1:${server.port}/postgres?sslmode=disable`;
  await storeArchive(store, { dump: await corpusDump(smallCorpus) });
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

  it('passes, reports, and leaves the server as it was', async () => {
    const before = await rolesOf();
    const { subjects, reports } = await run({ isWanted: true });
    expect(subjects).toEqual([
      expect.stringContaining(`[offsite] Restore test passed: bitagent, ${smallTorrents} torrents, `),
      '[offsite] RESTORE TEST NOT STARTED: new-one',
    ]);
    const [report] = reports;
    if (report === undefined) throw new Error('there is no report');
    expect(await store.readText(restoreReportKey(report, new Date(report.startedAt)))).toBeDefined();
    expect(await databasesOf(server.connection)).toEqual(['postgres']);
    expect(await rolesOf()).toEqual(before);
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

  it('restores into no server that has a database of its name', async () => {
    await query(server.connection, 'CREATE DATABASE restore_test');
    const { subjects } = await run({ isWanted: true });
    expect(subjects[0]).toMatch(/RESTORE TEST FAILED: bitagent: the server of restoreUrl has a database/);
    expect(await databasesOf(server.connection)).toEqual(['postgres', 'restore_test']);
  });
});
