// offsite estimate as an operator meets it; and the figure in the README is the one that it prints.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonText } from '../../lib/base/parse-json.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { answerOf } from '../fixtures/answer.ts';
import { projectRoot } from '../fixtures/cdk.ts';
import { offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-estimate-'));
const nowhere = { PGHOST: '/nonexistent' };
const run = (args: string[], env: Record<string, string> = nowhere) =>
  offsiteHere(['estimate', ...args], env);

afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('offsite estimate', () => {
  it('prints what the README states for 2 GB a night, 14 days', async () => {
    const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');
    const [, lean, full] =
      /about \$(\d+\.\d\d) a month.*?monitoring=full.*?\$(\d+\.\d\d)/s.exec(readme) ?? [];
    const { stdout } = await run(['--archive-bytes', '2GB', '--region', 'us-east-1', '--json']);
    const estimate = answerOf('estimate', stdout);
    expect(lean).toBe((estimate.totalCents / 100).toFixed(2));
    expect(full).toBe((estimate.full.totalCents / 100).toFixed(2));
    expect(estimate.totalCents).toBeLessThan(200);
  });

  it('is a table of 80 columns whose lines add up, with the date of the prices', async () => {
    const args = ['estimate', '--archive-bytes', '2GB', '--region', 'eu-central-1'];
    const { stdout, stderr, exitCode } = await offsite(args, nowhere);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const lines = stdout.split('\n');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    const from = lines.findIndex((line) => line.startsWith('a month'));
    const to = lines.findIndex((line) => line.startsWith('total'));
    const figure = (line = '') => Math.round(Number(line.slice(-10).replaceAll(',', '')) * 100);
    const sum = lines.slice(from + 1, to).reduce((all, line) => all + figure(line), 0);
    expect(to - from).toBeGreaterThan(12);
    expect(figure(lines[to])).toBe(sum);
    const toFull = lines.findIndex((line, index) => index > to && line.startsWith('total'));
    const besides = lines.slice(to + 2, toFull).reduce((all, line) => all + figure(line), 0);
    expect(figure(lines[toFull])).toBe(sum + besides);
    expect(stdout.replaceAll('\n', ' ')).toMatch(
      /Prices of eu-central-1, \d{4}-\d\d, in US dollars, without taxes and without any free tier/,
    );
  });

  it.each([
    ['1KB', []],
    ['1TB', ['--keep-days', '400', '--undo-days', '30', '--archives-per-day', '2']],
    ['300GB', ['--glacier-after-days', '30', '--keep-days', '3650', '--encryption', 'kms']],
  ])('keeps to 80 columns for %s', async (bytes, more) => {
    const { stdout } = await run(['--archive-bytes', bytes, ...more, '--agent-access', 'user']);
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it('says whose prices it takes for a region that is not in its table', async () => {
    const { stdout } = await run(['--archive-bytes', '2GB'], { ...nowhere, AWS_REGION: 'eu-west-3' });
    expect(stdout.replaceAll('\n', ' ')).toContain(
      'The prices of eu-west-3 are not in the table: these are those of eu-central-1',
    );
  });

  it('takes the size of the last archive that this host made', async () => {
    mkdirSync(join(home, 'offsite'));
    const id = 'bitagent-2026-11-23-031500Z';
    const archive = { id, plainBytes: 50e9, compressedBytes: 9e9, durationMs: 1 };
    writeFileSync(join(home, 'offsite', 'bitagent.json'), jsonText({ format: 1, lastId: id, archive }));
    const { stdout } = await run(['--json'], { ...nowhere, XDG_STATE_HOME: home });
    expect(answerOf('estimate', stdout).input).toMatchObject({ plainBytes: 50e9, compressedBytes: 9e9 });
  });

  it('says what is missing, and what cannot be reckoned with', async () => {
    expect(await run([])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--archive-bytes 2GB'),
    });
    for (const wrong of [
      ['--keep-days', '0'],
      ['--archives-per-day', 'x'],
      ['--archive-bytes', 'much'],
    ]) {
      expect(await run(['--archive-bytes', '1GB', ...wrong])).toMatchObject({ exitCode: 2, stdout: '' });
    }
  });
});

describe('offsite estimate at a database', () => {
  let postgres: ThrowawayPostgres;

  beforeAll(async () => {
    postgres = await startThrowawayPostgres({ tuned: true });
  });
  afterAll(() => postgres?.stop());

  it('takes its size', async () => {
    const { connection } = postgres;
    if (connection.via !== 'server') throw new Error('unreachable');
    const { stdout } = await run([], { ...connection.env });
    expect(stdout).toContain("the database's size; an archive tells it better");
  });
});
