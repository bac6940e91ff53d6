// When a night is due, over all that a clock does; and the command that waits for it, as a container runs it.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { everyNight } from '../../lib/nightly/every-night.ts';
import { lastDue, nextDue, parseTimeOfDay } from '../../lib/nightly/time-of-day.ts';
import { bin, committed, storeEnvironment } from '../fixtures/agent.ts';
import { until } from '../fixtures/events.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

const minute = 60_000;
const hour = 60 * minute;
const zone = process.env.TZ;
afterEach(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

describe('a night is due', () => {
  it('once on each day of a zone, whatever its clocks do', () => {
    const zones = fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
    );
    const times = fc.constantFrom('00:00', '01:30', '02:00', '02:30', '03:15', '23:59', '02:30 UTC');
    const days = fc.date({ min: new Date('2026-01-01'), max: new Date('2027-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(zones, times, days, (name, text, now) => {
        process.env.TZ = name;
        const at = parseTimeOfDay(text);
        const [last, next] = [lastDue(at, now), nextDue(at, now)];
        expect(+last <= +now && +now < +next).toBe(true);
        expect(nextDue(at, last)).toEqual(next);
        expect(lastDue(at, next)).toEqual(next);
        const hours = (+next - +last) / hour;
        expect(hours).toBeGreaterThanOrEqual(22.5);
        expect(hours).toBeLessThanOrEqual(25);
      }),
    );
  });

  it('at the hour that the day has, when it lacks the one that was named', () => {
    process.env.TZ = 'Europe/Berlin';
    const next = (text: string, now: string) => nextDue(parseTimeOfDay(text), new Date(now)).toISOString();
    expect(next('02:30', '2026-03-28T12:00:00Z')).toBe('2026-03-29T01:30:00.000Z');
    expect(next('02:30', '2026-10-24T12:00:00Z')).toBe('2026-10-25T00:30:00.000Z');
    expect(next('02:30', '2026-10-25T00:30:00Z')).toBe('2026-10-26T01:30:00.000Z');
  });
});

/** Lets nights pass on a clock of its own. @returns When something was run. */
async function runs(from: string, days: number, lastRun?: string, oversleepMs = 0): Promise<string[]> {
  const began: string[] = [];
  let now = +new Date(from);
  const end = now + days * 24 * hour;
  await everyNight({
    at: parseTimeOfDay('03:15 UTC'),
    lastRun: lastRun === undefined ? undefined : new Date(lastRun),
    now: () => new Date(now),
    onWait: () => undefined,
    sleep: async (ms) => {
      expect(ms).toBeLessThanOrEqual(minute);
      now += ms + oversleepMs;
      if (now >= end) throw new Error('over');
    },
    run: async () => {
      began.push(new Date(now).toISOString().slice(0, 16));
      now += 2 * hour;
    },
  }).catch(() => undefined);
  return began;
}

describe('every night', () => {
  it('waits for its time, the first too', async () => {
    expect(await runs('2026-11-01T12:00Z', 2)).toEqual(['2026-11-02T03:15', '2026-11-03T03:15']);
  });

  it('makes up at once for the last that was missed, and for none that has begun', async () => {
    expect(await runs('2026-11-05T12:00Z', 1, '2026-11-01T03:15Z')).toEqual([
      '2026-11-05T12:00',
      '2026-11-06T03:15',
    ]);
    expect(await runs('2026-11-05T12:00Z', 1, '2026-11-05T03:15Z')).toEqual(['2026-11-06T03:15']);
  });

  it('runs once for each when the host wakes up after its time', async () => {
    expect(await runs('2026-11-01T12:00Z', 2, undefined, 20 * hour)).toEqual([
      '2026-11-02T08:01',
      '2026-11-03T06:02',
    ]);
  });
});

describe('offsite nightly', () => {
  const folder = mkdtempSync(join(tmpdir(), 'offsite-nightly-'));
  const dump = join(folder, 'dump.sql');
  let stub: S3Stub;
  beforeAll(async () => {
    stub = await startS3Stub();
    mkdirSync(join(folder, 'offsite'));
    writeFileSync(
      dump,
      '--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database dump complete\n--\n\n',
    );
  });
  afterAll(async () => {
    await stub.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (...command: string[]) =>
    execa(bin, ['nightly', '--', ...command], {
      env: { ...storeEnvironment(stub), XDG_STATE_HOME: folder },
      extendEnv: false,
      reject: false,
      all: true,
      // Else execa sends SIGKILL after 5 s, which a machine with much to do may need.
      forceKillAfterDelay: false,
    });
  const lastRan = (id: string) =>
    writeFileSync(join(folder, 'offsite/bitagent.json'), JSON.stringify({ format: 1, lastId: id }));

  it('makes up for a missed night, waits for the next, and ends when it is told', async () => {
    lastRan('bitagent-2026-11-01-031500Z');
    const running = start('cat', dump);
    let said = '';
    running.all.on('data', (text) => {
      said += text;
    });
    await until('it waits again', () => said.match(/the next archive of bitagent/g)?.length === 2, running);
    expect(committed(stub), said).toHaveLength(1);
    running.kill('SIGTERM');
    expect(await running).toMatchObject({ exitCode: 143 });
  });

  it('ends a dump that runs, too, and leaves nothing of it; a failed one it survives', async () => {
    lastRan('bitagent-2026-11-01-031500Z');
    const failing = start('false');
    let said = '';
    failing.all.on('data', (text) => {
      said += text;
    });
    await until('it waits again', () => said.match(/the next archive of bitagent/g)?.length === 2, failing);
    expect(said).toContain("'backup' ended with exit code 3; the next night is another");
    failing.kill('SIGTERM');
    await failing;

    lastRan('bitagent-2026-11-01-031500Z');
    const mark = join(folder, 'begun');
    const running = start('sh', '-c', `cat '${dump}'; touch '${mark}'; exec sleep 6000`);
    await until('the dump has begun', () => existsSync(mark), running);
    running.kill('SIGTERM');
    expect(await running).toMatchObject({ exitCode: 143 });
    expect(committed(stub)).toHaveLength(1);
    expect([...stub.bucket.objects.keys()]).toHaveLength(2);
  });
});
