// docs/first-hour.md, played: its lines are typed, at a store and a database of the test's own, and what it shows is held against
// what is printed.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../lib/postgres/throwaway.ts';
import type { LocalAws } from '../lib/rehearsal/aws/local-aws.ts';
import { loadCorpus } from '../lib/rehearsal/stage/load-corpus.ts';
import { offsite } from './fixtures/cli.ts';
import { startLocalAws } from './fixtures/local-aws.ts';
import { databasesOf, smallCorpus } from './fixtures/postgres.ts';
import { type Receiver, startReceiver } from './fixtures/web-receiver.ts';

const page = readFileSync(join(import.meta.dirname, '../docs/first-hour.md'), 'utf8');
const blocks = [...page.matchAll(/^```console\n\$ offsite (.*)\n([^`]*)```$/gm)].map(
  ([, line = '', shown = '']) => ({
    line,
    shown: shown.split('\n').filter((one) => one !== ''),
  }),
);

let aws: LocalAws;
let postgres: ThrowawayPostgres;
let receiver: Receiver;
let url: string;
let env: Record<string, string>;
const home = mkdtempSync(join(tmpdir(), 'offsite-hour-'));

beforeAll(async () => {
  aws = await startLocalAws();
  postgres = await startThrowawayPostgres({ tuned: true });
  receiver = await startReceiver();
  if (postgres.connection.via !== 'server') throw new Error('unreachable');
  await loadCorpus(postgres.connection, { ...smallCorpus, asof: new Date() });
  const { PGHOST, PGPORT, PGUSER, PGPASSWORD = '' } = postgres.connection.env;
  url = `postgres://${PGUSER}@${PGHOST}:${PGPORT}/bitmagnet`;
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = aws.env;
  // Without Docker, whatever the machine has: restore tests are of its own programs.
  env = {
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
    PGPASSWORD,
    HOME: home,
    DOCKER_HOST: 'unix:///nonexistent',
  };
});
afterAll(async () => {
  await receiver?.stop();
  await postgres?.stop();
  await aws?.stop();
  rmSync(home, { recursive: true, force: true });
});

const settled = (text: string) =>
  text
    .replaceAll('http://nas:9000', aws.endpoint)
    .replaceAll('bucket vault', `bucket ${aws.bucket}`)
    .replaceAll('bucket: vault', `bucket: ${aws.bucket}`);

/** As the page has it, but for where things are; on the host, no timer is made and no folder of the system's is written. */
function typed(line: string): string[] {
  const words = settled(line).replace(/--container \S+ --user \S+( --dbname \S+)?/, `--url ${url}`);
  const own = line.startsWith('init') ? ` --no-install --config ${join(home, 'config.yaml')}` : '';
  return (words + own).split(' ');
}

/** Without what is another's each time: names, figures, places. */
function bare(line: string): string {
  return line
    .replaceAll(/bitagent-\d{4}-\d\d-\d\d-\d{6}Z/g, 'ID')
    .replaceAll(/\d(?:[\d.,]*\d)?(?: (?:[KMG]?i?B|m?s|h|min)\b(?:\/s)?)?/g, 'N')
    .replaceAll(/\/\S+config\.yaml/g, 'FILE')
    .replaceAll(/\s+/g, ' ');
}

describe('the first hour', () => {
  it('takes three commands to an archive that is proven, and a fourth brings it back', () => {
    expect(blocks.map(({ line }) => line.split(' ')[0])).toEqual(['init', 'guard', 'list', 'restore']);
  });

  it.each(blocks)('offsite $line', async ({ line, shown }) => {
    const isGuard = line.startsWith('guard');
    const result = await offsite(typed(line), isGuard ? { ...env, OFFSITE_WEBHOOK_URL: receiver.url } : env);
    const output = result.stdout + result.stderr;
    expect(result.exitCode, output).toBe(0);
    const printed = `${result.stdout}\n${result.stderr}`.split('\n').map(bare);
    for (const one of shown.map((text) => bare(settled(text))))
      expect(
        printed.some((text) => text.startsWith(one)),
        `${one}\n--- in\n${printed.join('\n')}`,
      ).toBe(true);
  });

  it('leaves what it says: the mail of the restore test, the database and one beside it', async () => {
    expect(receiver.received.map(({ body }) => JSON.stringify(body)).join()).toContain('Restore test passed');
    expect(await databasesOf(postgres.connection)).toEqual(
      expect.arrayContaining(['bitmagnet', expect.stringMatching(/^bitmagnet_restore_/)]),
    );
  });
});
