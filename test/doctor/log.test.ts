// What doctor says of point-in-time recovery: each thing that is missing with the statement to run, and the statements help.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeBacklog, judgeLog, type LogFacts } from '../../lib/doctor/judge-log.ts';
import { examineLog } from '../../lib/doctor/log.ts';
import type { Connection } from '../../lib/postgres/connection.ts';
import { type ArchivingCluster, startArchivingCluster } from '../fixtures/cluster.ts';
import { writeSegment } from '../fixtures/wal.ts';

const slotName = 'offsite_bitagent';
const facts: LogFacts = {
  archiveMode: 'on',
  walLevel: 'replica',
  archiveCommand: 'offsite wal push %p',
  archiveLibrary: '',
  archiveTimeout: 60,
  keepsAtMost: '-1',
  mayReplicate: true,
  role: 'backup',
  failures: 0,
  lastFailed: '',
  isFailing: false,
  slot: undefined,
};
const slot = { isActive: true, walStatus: 'reserved', keptBytes: 1 };

describe('each thing that is not as it should be', () => {
  it.each<[string, Partial<LogFacts>, string, 'warn' | 'fail', string]>([
    [
      'nothing archives',
      { archiveMode: 'off' },
      'archive_mode',
      'fail',
      "ALTER SYSTEM SET archive_mode = 'on'",
    ],
    [
      'too little is logged',
      { walLevel: 'minimal' },
      'wal_level',
      'fail',
      "ALTER SYSTEM SET wal_level = 'replica'",
    ],
    ['no command', { archiveCommand: '' }, 'archive_command', 'fail', 'offsite wal archive-command'],
    [
      'a bare cp',
      { archiveCommand: 'cp %p /wal/%f' },
      'archive_command',
      'warn',
      'offsite wal archive-command',
    ],
    ['no timeout', { archiveTimeout: 0 }, 'archive_timeout', 'warn', 'ALTER SYSTEM SET archive_timeout'],
    ['it fails', { isFailing: true, failures: 3 }, 'archiver', 'fail', 'pg_stat_archiver'],
    ['no right', { mayReplicate: false }, 'replication', 'fail', 'ALTER ROLE "backup" REPLICATION'],
    ['no limit', { slot }, 'slot limit', 'warn', 'ALTER SYSTEM SET max_slot_wal_keep_size'],
    [
      'nobody receives',
      { slot: { ...slot, isActive: false }, keepsAtMost: '20GB' },
      'slot',
      'fail',
      'offsite wal receive',
    ],
    [
      'it is lost',
      { slot: { ...slot, walStatus: 'lost' }, keepsAtMost: '20GB' },
      'slot',
      'fail',
      'SELECT pg_drop_replication_slot',
    ],
  ])('%s: it is told with what to run', (_, change, name, outcome, advice) => {
    const checks = judgeLog({ ...facts, ...change }, slotName);
    expect(checks.filter((check) => check.outcome !== 'pass')).toEqual([
      expect.objectContaining({ name, outcome, advice: expect.stringContaining(advice) }),
    ]);
  });

  it('is none where all is well, either way', () => {
    for (const change of [{}, { slot, keepsAtMost: '20GB', archiveMode: 'off' }])
      expect(judgeLog({ ...facts, ...change }, slotName).filter(({ outcome }) => outcome !== 'pass')).toEqual(
        [],
      );
  });

  it('is what waits for long, in bytes and minutes', () => {
    const since = new Date('2026-11-30T00:00:00Z');
    const at = (minutes: number) => new Date(since.getTime() + minutes * 60_000);
    const backlog = { files: 3, bytes: 3 * 2 ** 24, since };
    expect(judgeBacklog('/wal', backlog, at(2)).outcome).toBe('pass');
    expect(judgeBacklog('/wal', backlog, at(47))).toMatchObject({
      outcome: 'fail',
      found: expect.stringMatching(/3 files wait in \/wal: 48\.0 MiB, the oldest for 47 min/),
    });
    expect(judgeBacklog('/wal', undefined, at(0)).outcome).toBe('warn');
  });
});

describe('a real server', () => {
  let cluster: ArchivingCluster;
  let folder: string;
  beforeAll(async () => {
    cluster = await startArchivingCluster();
    folder = mkdtempSync(join(tmpdir(), 'offsite-log-'));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await cluster?.stop();
  });
  const look = async (more: { folder?: string; isWanted?: boolean; connection?: Connection } = {}) => {
    const checks = await examineLog({
      connection: cluster.connection,
      slotName,
      folder: undefined,
      isWanted: false,
      ...more,
    });
    return Object.fromEntries(checks.map(({ name, outcome }) => [name, outcome]));
  };

  it('is looked at where its archive_command is one of ours, which says where log waits', async () => {
    const all = { wal_level: 'pass', archive_mode: 'pass', archive_command: 'pass', archiver: 'pass' };
    const rest = { archive_timeout: 'warn', replication: 'pass', 'pg_hba.conf': 'pass', backlog: 'pass' };
    expect(await look()).toEqual({ ...all, ...rest });
    writeSegment(folder, '000000010000000000000001');
    expect(await look({ folder })).toMatchObject({ backlog: 'pass' });
  });

  it('is looked at by a slot, and lets in who its pg_hba.conf lets in', async () => {
    await cluster.sql(
      `SELECT pg_create_physical_replication_slot('${slotName}', true); CREATE ROLE plain LOGIN PASSWORD 'x'`,
    );
    expect(await look()).toMatchObject({ slot: 'fail', 'slot limit': 'warn' });
    const env = { ...cluster.connection.env, PGUSER: 'plain', PGPASSWORD: 'x' };
    expect(await look({ connection: { via: 'server', env } })).toMatchObject({
      replication: 'fail',
      'pg_hba.conf': 'fail',
    });
  });
});
