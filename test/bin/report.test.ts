// offsite report as an operator runs it, against a real store. The browser is a stand-in under xdg-open's name that
// writes down what it was given; report-page.browser.test.ts has a real one.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonText } from '../../lib/base/parse-json.ts';
import { type RestoreReport, restoreReportKey } from '../../lib/report/report.ts';
import { answerOf } from '../fixtures/answer.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { storeBaseBackup } from '../fixtures/base-backup.ts';
import { keysIn, offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import * as samples from '../fixtures/reports.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-report-test-'));
const onLinux = process.platform === 'linux';
let aws: LocalAws;
let env: Record<string, string>;

beforeAll(async () => {
  aws = await startLocalAws();
  env = { ...aws.env, OFFSITE_BUCKET: aws.bucket, TMPDIR: home, PATH: process.env.PATH ?? '' };
});
afterAll(async () => {
  await aws?.stop();
  rmSync(home, { recursive: true, force: true });
});

async function keep(report: RestoreReport): Promise<string> {
  const key = restoreReportKey(report, new Date(report.startedAt));
  await aws.store.create(key, jsonText(report));
  return key;
}

/** Puts a program named xdg-open before all others. */
function opener(script: string): string {
  const folder = mkdtempSync(join(home, 'bin-'));
  writeFileSync(join(folder, 'xdg-open'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'xdg-open'), 0o755);
  return `${folder}:${env.PATH}`;
}

describe('before the first restore test', () => {
  it('says that there is none and how to start one', async () => {
    const { exitCode, stdout, stderr } = await offsite(['report'], env);
    expect({ exitCode, stdout }).toEqual({ exitCode: 6, stdout: '' });
    expect(stderr).toContain('REPORT_MISSING');
    expect(stderr).toContain('offsite restore-test');
  });
});

describe('after a restore test', () => {
  let key: string;
  beforeAll(async () => {
    key = await keep(samples.passed);
  });

  it('sums it up in 80 columns, and says how to see the page', async () => {
    const { exitCode, stdout, stderr } = await offsite(['report'], env);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^PASSED {2}bitagent-2026-11-22-031500Z\n/);
    expect(stdout).toContain('1,204,332, as dumped');
    expect(stdout).toContain("'offsite report --open'");
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('prints the report as JSON, with its key', async () => {
    const { stdout } = await offsiteHere(['report', samples.passed.id, '--json'], env);
    expect(answerOf('report', stdout)).toEqual({ key, ...samples.passed });
  });

  it('writes the page where it is told, and over nothing', async () => {
    const file = join(home, 'page.html');
    const { exitCode, stderr } = await offsiteHere(['report', '--output', file], env);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: `the page is in ${file}` });
    expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    writeFileSync(file, 'mine');
    const again = await offsiteHere(['report', '-o', file], env);
    expect(again).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('FILE_EXISTS') });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect((await offsiteHere(['report', '-o', file, '--force'], env)).exitCode).toBe(0);
    expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/);
  });

  it('writes the page alone to stdout', async () => {
    const { exitCode, stdout, stderr } = await offsite(['report', '-o', '-'], env);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^<!doctype html>[\s\S]*<\/html>$/);
    expect(stdout).not.toContain('What a month costs');
    expect((await offsiteHere(['report', '-o', '-', '--json'], env)).exitCode).toBe(2);
  });

  it('says when the file cannot be written', async () => {
    mkdirSync(join(home, 'folder'));
    for (const file of [join(home, 'folder'), join(home, 'not-there', 'page.html')]) {
      const { exitCode, stderr } = await offsiteHere(['report', '-o', file], env);
      expect(exitCode).toBe(2);
      expect(stderr).toContain('name another with --output');
    }
  });

  it.skipIf(!onLinux)('opens the page in a file that stays', async () => {
    const seen = join(home, 'seen');
    const result = await offsite(['report', '--open'], {
      ...env,
      PATH: opener(`printf %s "$1" > ${seen}`),
    });
    expect(result.exitCode).toBe(0);
    const file = readFileSync(seen, 'utf8');
    expect(file.startsWith(join(home, 'offsite-report-'))).toBe(true);
    expect(readFileSync(file, 'utf8')).toContain('1,204,332');
  });

  it.skipIf(!onLinux)('says where the file is if there is no browser', async () => {
    const file = join(home, 'unopened.html');
    const flags = ['report', '--open', '-o', file];
    const { exitCode, stderr } = await offsite(flags, { ...env, PATH: opener('exit 3') });
    expect(exitCode).toBe(0);
    expect(stderr).toContain('warning: no browser could be opened (xdg-open: exit code 3)');
    expect(stderr).toContain(file);
    expect(existsSync(file)).toBe(true);
  });

  it('warns of a newer report that it cannot read', async () => {
    const { report } = samples.settled;
    const newer = restoreReportKey(report, new Date('2026-11-24T05:00:00.000Z'));
    await aws.store.create(newer, '{"format":99}');
    const { exitCode, stdout, stderr } = await offsiteHere(['report'], env);
    expect(exitCode).toBe(0);
    expect(stderr).toContain(newer);
    expect(stdout).toMatch(/^PASSED/);
  });

  it('changes nothing in the vault', async () => {
    expect(await keysIn(aws.endpoint, aws.bucket)).toHaveLength(2);
  });
});

describe('several sources', () => {
  const config = join(home, 'offsite.yml');
  beforeAll(async () => {
    const store = aws.store;
    await storeArchive(store, { dump: Buffer.from('--'), source: 'untested', takenAt: new Date() });
    await storeArchive(store, { dump: Buffer.from('--'), source: 'unnamed', takenAt: new Date() });
    await storeBaseBackup(store, { source: 'points', takenAt: new Date(), segment: 3 });
    writeFileSync(config, `bucket: ${aws.bucket}\nsources:\n  untested:\n  bitagent:\n  empty:\n`);
  });

  it('are on one page: those of the settings, and what else is in the vault', async () => {
    const { exitCode, stdout, stderr } = await offsite(
      ['report', '--all', '--config', config, '-o', '-'],
      env,
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringContaining('cannot read') });
    const links = [...stdout.matchAll(/href="#([^"]+)"/g)].map(([, name]) => name);
    expect(links).toEqual(['untested', 'bitagent', 'empty', 'unnamed', 'points']);
    expect((await offsiteHere(['report', '--all', '--config', config, '--json'], env)).exitCode).toBe(2);
  });

  it('have a report of points in time alone, too', async () => {
    const { exitCode, stdout } = await offsiteHere(['report', '--source', 'points'], env);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^points +NOT WELL: no archive is proven intact[\s\S]*\npoints-\S+: points in time from/,
    );
  });

  it('have a report without a restore test, too', async () => {
    const { exitCode, stdout } = await offsiteHere(['report', '--source', 'untested'], env);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^untested +all is well since[\s\S]*\nrestore +none was tested yet/);
    expect((await offsiteHere(['report', '--source', 'untested', '--json'], env)).exitCode).toBe(6);
  });
});
