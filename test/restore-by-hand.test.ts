// The promise to whoever has lost everything: `aws`, `gunzip` and `psql` are enough, with nothing of this program.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { archiveKeys, parseArchiveId } from '../lib/archive/names.ts';
import { recipeOf } from '../lib/kit/recipe.ts';
import { findPostgresPrograms, query } from '../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../lib/postgres/throwaway.ts';
import { loadCorpus } from '../lib/rehearsal/stage/load-corpus.ts';
import { verifiedHere } from './fixtures/archives.ts';
import { offsite } from './fixtures/cli.ts';
import { type LocalAws, startLocalAws } from './fixtures/local-aws.ts';
import { smallCorpus, smallTorrents } from './fixtures/postgres.ts';

const hasAws = (process.env.PATH ?? '').split(delimiter).some((path) => existsSync(join(path, 'aws')));
let aws: LocalAws;
let postgres: ThrowawayPostgres;
let id: string;
const folder = mkdtempSync(join(tmpdir(), 'offsite-by-hand-'));

beforeAll(async () => {
  aws = await startLocalAws();
  postgres = await startThrowawayPostgres({ tuned: true });
  const owner = await loadCorpus(postgres.connection, smallCorpus);
  if (owner.via !== 'server') throw new Error('unreachable');
  const result = await offsite(['backup', '--json'], {
    ...aws.env,
    OFFSITE_BUCKET: aws.bucket,
    ...owner.env,
  });
  id = JSON.parse(result.stdout).id;
});
afterAll(async () => {
  await postgres?.stop();
  await aws?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('restores as docs/recover.md and docs/format.md say', async () => {
  await download();
  const env = {
    ...postgres.connection.env,
    PATH: `${findPostgresPrograms()}${delimiter}${process.env.PATH}`,
  };
  const sh = (line: string) => execa('bash', ['-o', 'pipefail', '-c', line], { cwd: folder, env });
  await sh(`gunzip -t ${id}.sql.gz`);
  await sh('createdb -E UTF8 -O bitmagnet -T template0 bitmagnet_new');
  await sh(`gunzip -c ${id}.sql.gz | psql -X -q -v ON_ERROR_STOP=1 -d bitmagnet_new`);
  await sh('vacuumdb --quiet --analyze-only -d bitmagnet_new');
  const { stdout } = await sh("psql -X -At -d bitmagnet_new -c 'SELECT count(*) FROM torrents'");
  expect(stdout).toBe(String(smallTorrents));
  const manifest = JSON.parse(
    (await aws.store.readText(`archives/bitagent/${id}.manifest.json`))?.text ?? '',
  );
  const [known] = await query(
    postgres.connection,
    "SELECT pg_encoding_to_char(encoding), pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'bitmagnet_new'",
  );
  expect(known).toEqual([manifest.database.encoding, 'bitmagnet']);
  const [analysed] = await query(
    postgres.connection,
    "SELECT reltuples FROM pg_class WHERE relname = 'torrents'",
    { database: 'bitmagnet_new' },
  );
  expect(analysed).toEqual([String(smallTorrents)]);
  // The manifest's sums are those of common tools.
  expect((await sh(`sha256sum ${id}.sql.gz`)).stdout.split(' ')[0]).toBe(manifest.sha256);
  expect((await sh(`gunzip -c ${id}.sql.gz | wc -c`)).stdout.trim()).toBe(String(manifest.plainBytes));
  await sh('dropdb bitmagnet_new');
});

it('restores by the kit: the very commands that it prints, in one shell, with nothing of this program', async () => {
  if (!hasAws) return console.warn('SKIPPED: aws is not on the PATH, and the kit fetches by it');
  const store = aws.store;
  await verifiedHere({
    store,
    id: parseArchiveId(id),
    now: () => new Date(),
    sendMail: async () => undefined,
  });
  const kit = await offsite(['kit'], { ...aws.env, OFFSITE_BUCKET: aws.bucket });
  expect(kit).toMatchObject({ exitCode: 0, stderr: '' });
  // What is indented is typed.
  const commands = kit.stdout.split('\n').filter((line) => line.startsWith('    '));
  const { stdout } = await execa('sh', ['-e'], {
    input: `${commands.map((line) => line.slice(4)).join('\n')}\n`,
    cwd: folder,
    extendEnv: false,
    env: {
      ...postgres.connection.env,
      ...Object.fromEntries(Object.entries(aws.env).filter(([name]) => !/ENDPOINT|REGION/.test(name))),
      HOME: folder,
      PATH: `${findPostgresPrograms()}${delimiter}${process.env.PATH}`,
    },
  });
  const lines = stdout.split('\n');
  expect(lines).toContain(id);
  expect(lines).toContain(`${id}.sql.gz: OK`);
  expect(lines.at(-1)).toBe(String(smallTorrents));
  expect(kit.stdout).toContain(`${id} holds ${smallTorrents}.`);
  const counted = await query(postgres.connection, 'SELECT count(*) FROM torrents', {
    database: 'bitmagnet',
  });
  expect(counted).toEqual([[String(smallTorrents)]]);
  const sql =
    "SELECT datname, pg_get_userbyid(datdba) FROM pg_database WHERE datname LIKE 'bitmagnet%' ORDER BY 1";
  const databases = await query(postgres.connection, sql);
  expect(databases).toContainEqual(['bitmagnet', 'bitmagnet']);
  expect(databases).toContainEqual(['bitmagnet_before', 'bitmagnet']);
});

it('finds by the kit the newest that is intact or accepted, and no other', async () => {
  if (!hasAws) return console.warn('SKIPPED: aws is not on the PATH, and the kit looks by it');
  const store = aws.store;
  const { verdict: key, acceptance } = archiveKeys(parseArchiveId(id));
  const verdict = JSON.parse((await store.readText(key))?.text ?? '');
  const steps = recipeOf({ bucket: aws.bucket, source: 'bitagent', roles: [], writtenAt: new Date() });
  const input = steps
    .filter(({ title }) => /^(Where it is|The newest)/.test(title))
    .map(({ commands }) => commands)
    .join('\n');
  const found = async () => (await execa('sh', ['-e'], { input, env: { ...aws.env } })).stdout;
  await store.write(key, JSON.stringify({ ...verdict, verdict: 'suspicious', deviations: [] }, null, 1));
  expect(await found()).toBe('');
  const accepted = { format: 1, id, etag: verdict.etag, acceptedAt: new Date().toISOString() };
  await store.write(acceptance, JSON.stringify(accepted, null, 1));
  expect(await found()).toBe(id);
  // It speaks of other bytes.
  await store.write(acceptance, JSON.stringify({ ...accepted, etag: 'other' }, null, 1));
  expect(await found()).toBe('');
});

async function download(): Promise<void> {
  const key = `archives/bitagent/${id}.sql.gz`;
  const file = join(folder, `${id}.sql.gz`);
  if (hasAws) {
    await execa('aws', ['s3', 'cp', '--quiet', `s3://${aws.bucket}/${key}`, file], { env: { ...aws.env } });
    return;
  }
  console.warn('SKIPPED: aws is not on the PATH, so the archive is downloaded with a plain GET in its place');
  const answer = await fetch(`${aws.endpoint}/${aws.bucket}/${key}`);
  expect(answer.status).toBe(200);
  await writeFile(file, await answer.bytes());
}
