// The end-to-end test: the whole system, deployed on this machine, from the first back-up to the restored database.

import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Figures } from '../../lib/rehearsal/performance.ts';
import { until } from '../fixtures/events.ts';
import { often } from '../fixtures/often.ts';
import { compareWithRoles, withoutReason } from './permissions.ts';

/** Beside 12 hostile ones. */
const torrents = often(1000, 20_000);
const all = (torrents + 12).toLocaleString('en');
let directory: string;

/** Runs the rehearsal with a directory for temporary files of its own, so that what it leaves behind is seen. */
function rehearse(args: readonly string[], signal?: AbortSignal) {
  return execa(process.execPath, ['lib/rehearsal/rehearse.ts', ...args], {
    cwd: join(import.meta.dirname, '..', '..'),
    env: { TMPDIR: join(directory, 'tmp') },
    stdin: 'ignore',
    reject: false,
    forceKillAfterDelay: false,
    ...(signal && { cancelSignal: signal }),
  });
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'offsite-rehearse-test-'));
  // Postgres runs as another user, and has to get there.
  await chmod(directory, 0o755);
  await mkdir(join(directory, 'tmp'));
  await chmod(join(directory, 'tmp'), 0o1777);
});
afterAll(() => rm(directory, { recursive: true }));

describe(`with ${all} torrents`, () => {
  let run: Awaited<ReturnType<typeof rehearse>>;
  let figures: Figures;
  const step = (title: string) => figures.steps.find((record) => record.title === title)?.figures ?? {};

  let seen: Awaited<ReturnType<typeof look>> | undefined;

  beforeAll(async () => {
    const json = join(directory, 'figures.json');
    const child = rehearse(['--torrents', String(torrents), '--json', json, '--keep']);
    let file: string | undefined;
    const written: string[] = [];
    for await (const line of child.iterable()) {
      file ??= /^│ \. (\S+look\.sh)$/.exec(line)?.[1];
      if (file === undefined) continue;
      written.push(line.replace(/^│ /, ''));
      if (!line.includes('curl')) continue;
      try {
        seen = await look(file, written);
      } finally {
        child.kill('SIGINT');
      }
    }
    run = await child;
    figures = JSON.parse(await readFile(json, 'utf8')) as Figures;
  }, 600_000);

  test('runs on by --keep and says how to look, until it is told to stop', () => {
    expect(seen).toMatchObject({ count: String(torrents + 12), backedUp: true, restored: torrents + 12 });
  });

  test('every step goes as expected', () => {
    const faults = figures.steps.filter(({ outcome }) => outcome !== 'as expected');
    expect(faults, run.stdout).toEqual([]);
    expect(figures).toMatchObject({ asExpected: true });
    expect(figures.steps).toHaveLength(18);
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toBe('');
  });

  test('finds all torrents in the inventory, in the list, in both restored databases and in the mail', () => {
    const found = torrents + 12;
    expect(step('Host and database').torrents).toBe(found);
    expect(step('Verify')).toMatchObject({ verdict: 'intact', torrents: found });
    expect(step('List').archives).toMatchObject([{ verdict: 'intact', latest: true, torrents: found }]);
    expect(step('Restore test').torrents).toBe(found);
    expect(step('The mail about it').subject).toContain(`${all} torrents`);
    expect(step('The mail about it').text).toContain(all);
    expect(step('psql, by hand').torrents).toBe(found);
  });

  test('asks for nothing that the roles do not allow, and the roles allow nothing without need', async () => {
    expect(figures.awsCalls.length).toBeGreaterThan(50);
    const { refused, unused } = await compareWithRoles(figures.awsCalls);
    // Which log is there already is looked at where that is allowed, and done without where not.
    expect(refused.filter((line) => !line.startsWith('agent: s3:ListBucket on '))).toEqual([]);
    expect(withoutReason(unused)).toEqual([]);
  });

  test('expires two of fifteen nights, and leaves the rest', () => {
    const { ids } = step('Fifteen nights') as { ids: string[] };
    const { expired, left } = step('Retention, done') as { expired: string[]; left: string[] };
    expect(expired).toEqual(ids.slice(13));
    expect(left).toEqual([...ids.slice(0, 13), step('Back up').id].sort());
  });

  test('alerts of the damaged archive, and stores nothing of the dump that died', () => {
    expect(step('A bit flips')).toMatchObject({
      verdict: 'damaged',
      subject: expect.stringMatching(/DAMAGED/),
    });
    expect(step('A dump dies half-way')).toMatchObject({
      exitCode: 3,
      killedAt: expect.stringMatching(/^COPY public\.torrent/),
      uploads: { completed: 0 },
    });
  });

  test('prints what it does in 80 columns, without colours, and no password', () => {
    expect(run.stdout).not.toContain('\x1b');
    expect(run.stdout).not.toMatch(/password/i);
    const prose = run.stdout.split('\n').filter((line) => !line.startsWith('│'));
    expect(prose.filter((line) => line.length > 80)).toEqual([]);
    expect(run.stdout).toContain('All 18 steps as expected');
  });

  test('leaves nothing behind', async () => {
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });
});

test('without AWS a guard keeps the same promise, scene by scene', async () => {
  const json = join(directory, 'guarded.json');
  const { exitCode, stdout, stderr } = await rehearse(['--no-cloud', '--torrents', '1000', '--json', json]);
  expect({ exitCode, stderr }, stdout).toEqual({ exitCode: 0, stderr: '' });
  const { steps, awsCalls } = JSON.parse(await readFile(json, 'utf8')) as Figures;
  expect(steps.every(({ outcome }) => outcome === 'as expected')).toBe(true);
  expect(steps.map(({ title }) => title)).toEqual(expect.arrayContaining(['The guard', 'Proof renewed']));
  expect(steps).toHaveLength(16);
  expect(awsCalls.filter(({ action }) => !action.startsWith('s3:'))).toEqual([]);
  expect(await readdir(join(directory, 'tmp'))).toEqual([]);
});

test('interrupted, it stops everything, removes everything and says so', async () => {
  const child = rehearse(['--torrents', '1000']);
  for await (const line of child.iterable()) if (line.includes('Back up')) child.kill('SIGTERM');
  const { exitCode, stderr } = await child;
  expect(exitCode).toBe(143);
  expect(stderr).toContain('[INTERRUPTED]');
  expect(await readdir(join(directory, 'tmp'))).toEqual([]);
});

/** What a reader would type: the handlers still listen, so that a new archive gets its verdict. */
async function look(
  file: string,
  written: readonly string[],
): Promise<{ count: string; backedUp: boolean; restored: number }> {
  const shell = async (line: string) =>
    (await execa('sh', ['-c', `. '${file}' && ${line}`], { timeout: 150_000 })).stdout;
  const count = await shell("psql -X -A -t -c 'SELECT count(*) FROM torrents'");
  const { id } = JSON.parse(await shell('bin/offsite backup --json')) as { id: string };
  await until('a verdict on it', async () => {
    const listed = JSON.parse(await shell('bin/offsite list --json')) as { id: string; verdict: string }[];
    return listed.some((entry) => entry.id === id && entry.verdict === 'intact');
  });
  const restore = written.find((line) => line.includes('bin/offsite restore'));
  const { torrents } = JSON.parse(await shell(`${restore} --json`)) as { torrents: number };
  return { count, backedUp: true, restored: torrents };
}

test.each([
  [['--bogus'], "unknown option '--bogus'"],
  [['--torrents', 'many'], 'whole number'],
  [['--torrents', '999'], 'at least 1,000'],
  [['--torrents', '1e3.5'], 'whole number'],
  [['extra'], 'extra'],
  [['--json', '/proc/nope/figures.json'], '/proc/nope/figures.json'],
])('refuses %j before anything is started', async (args, words) => {
  const { exitCode, stdout, stderr } = await rehearse(args);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(words);
  expect(stderr).toContain('[USAGE]');
  expect(stdout).toBe('');
});

test('--help says what there is', async () => {
  const { exitCode, stdout } = await rehearse(['--help']);
  expect(exitCode).toBe(0);
  for (const flag of ['--torrents', '--no-cloud', '--json', '--keep']) expect(stdout).toContain(flag);
});
