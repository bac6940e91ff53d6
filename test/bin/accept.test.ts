// offsite accept as an operator runs it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { answerOf } from '../fixtures/answer.ts';
import { smallDump, verifiedArchive } from '../fixtures/archives.ts';
import { keysIn, offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';

let aws: LocalAws;
let store: ArchiveStore;
let env: Record<string, string>;
let shrunk: Manifest;
let younger: Manifest;
let intact: Manifest;

const nightsAgo = (nights: number) => new Date(Date.now() - nights * 86_400_000);

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  env = { ...aws.env, OFFSITE_BUCKET: aws.bucket };
  for (const nights of [6, 5, 4]) intact = await verifiedArchive(store, 'bitagent', nightsAgo(nights));
  shrunk = await verifiedArchive(store, 'bitagent', nightsAgo(2), smallDump(8));
  younger = await verifiedArchive(store, 'bitagent', nightsAgo(1), smallDump(8));
});
afterAll(() => aws.stop());

const listed = async () => answerOf('list', (await offsiteHere(['list', '--json'], env)).stdout);
const longest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

describe('offsite accept', () => {
  it('says in its help what it does, in 80 columns', async () => {
    const { stdout, exitCode } = await offsiteHere(['accept', '--help'], env);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('--reason <text>');
    expect(stdout).toContain('Damaged archives cannot be');
    expect(longest(stdout)).toBeLessThanOrEqual(80);
  });

  it('accepts a suspicious archive, says of what, and names the younger ones', async () => {
    const { stdout, stderr, exitCode } = await offsite(
      ['accept', shrunk.id, '--reason', 'spam removed'],
      env,
    );
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout.split('\n').slice(0, 4)).toEqual([
      `${shrunk.id} is accepted: it counts as intact from now on.`,
      '  rows of all tables',
      '    expected  at least 15 (the 3 archives before: usually 20)',
      '    found     8',
    ]);
    expect(stdout).toContain(`Younger and still suspicious: ${younger.id}`);
    expect(longest(stdout)).toBeLessThanOrEqual(80);
    const stored = await store.readText(archiveKeys(parseArchiveId(shrunk.id)).acceptance);
    expect(JSON.parse(stored?.text ?? '')).toMatchObject({ id: shrunk.id, reason: 'spam removed' });
    expect((await listed()).map(({ verdict }: { verdict: string }) => verdict)).toEqual([
      'suspicious',
      'accepted',
      'intact',
      'intact',
      'intact',
    ]);
    expect((await offsiteHere(['list'], env)).stdout.split('\n')[2]).toMatch(/ accepted \(latest\) /);
  });

  it('says so when it was accepted before, and prints JSON', async () => {
    const { stdout, exitCode } = await offsiteHere(['accept', shrunk.id, '--json'], env);
    expect(exitCode).toBe(0);
    expect(answerOf('accept', stdout)).toMatchObject({
      id: shrunk.id,
      already: true,
      youngerSuspicious: [younger.id],
    });
    expect((await offsiteHere(['accept', shrunk.id], env)).stdout).toContain('was accepted before.');
  });

  it.each<[string, () => string, number, string]>([
    ['no id', () => 'latest', 2, '[ARCHIVE_ID_INVALID]'],
    ['an unknown archive', () => 'bitagent-2020-01-01-000000Z', 6, '[ARCHIVE_MISSING]'],
    ['an intact one', () => intact.id, 5, '[NOT_SUSPICIOUS]'],
  ])('refuses %s', async (_, wanted, exitCode, said) => {
    const before = await keysIn(aws.endpoint, aws.bucket);
    const result = await offsiteHere(['accept', wanted()], env);
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(result.stderr).toContain(said);
    expect(await keysIn(aws.endpoint, aws.bucket)).toEqual(before);
  });
});
