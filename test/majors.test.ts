// Every major version of the server that is in use, by the client programs of this machine: backed up, verified, restored
// and restore-tested, or refused for the reason that there is.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArchiveId, parseArchiveId } from '../lib/archive/names.ts';
import type { SourceDatabase } from '../lib/archive/source-database.ts';
import { readSourceDatabase } from '../lib/backup/ask-server.ts';
import { query } from '../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../lib/postgres/throwaway.ts';
import { loadCorpus } from '../lib/rehearsal/stage/load-corpus.ts';
import { restore } from '../lib/restore/restore.ts';
import { tryRestore } from '../lib/restore-test/restore-test.ts';
import { verifyOnce } from '../lib/verify/verify.ts';
import { offsite } from './fixtures/cli.ts';
import { type LocalAws, startLocalAws } from './fixtures/local-aws.ts';
import { type Major, majors, ownMajor, serverPrograms } from './fixtures/majors.ts';
import { inPieces, smallCorpus, smallTorrents } from './fixtures/postgres.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-majors-'));
// The servers' user is another one.
chmodSync(folder, 0o755);
const own = await ownMajor();
const programs = new Map<Major, string | undefined>();
for (const major of majors) programs.set(major, await serverPrograms(major, folder));
for (const major of majors) {
  if (programs.get(major) === undefined) {
    console.warn(`SKIPPED: no server of PostgreSQL ${major} for this machine, from Debian or from npm`);
  } else if (major > own) {
    console.warn(`SKIPPED: no dump of PostgreSQL ${major} is made here: pg_dump is of ${own}, and refuses`);
  }
}
const here = majors.filter((major) => programs.get(major) !== undefined);
/** Of these, this machine's pg_dump makes dumps. */
const dumped = here.filter((major) => major <= own);

let aws: LocalAws;
let env: Record<string, string>;
const servers = new Map<Major, ThrowawayPostgres>();
const archives = new Map<Major, ArchiveId>();

const serverOf = (major: Major) => servers.get(major) as ThrowawayPostgres;
const start = (major: Major) => startThrowawayPostgres({ tuned: true, binDir: programs.get(major) });
const sourceOf = (major: Major) => `pg${major}`;

beforeAll(async () => {
  aws = await startLocalAws();
  env = { ...aws.env, OFFSITE_BUCKET: aws.bucket };
  for (const major of here) servers.set(major, await start(major));
});
afterAll(async () => {
  for (const server of servers.values()) await server.stop();
  await aws?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('its own major is among them', () => {
  expect(here).toContain(own);
});

describe.each(dumped)('a database of PostgreSQL %i', (major) => {
  it('is backed up and found intact', async () => {
    const owner = await loadCorpus(serverOf(major).connection, { ...smallCorpus, asof: new Date() });
    if (owner.via !== 'server') throw new Error('unreachable');
    const args = ['backup', '--json', '--source', sourceOf(major)];
    const { stdout, stderr } = await offsite(args, { ...env, ...owner.env });
    expect(stderr).toBe('');
    const id = parseArchiveId((JSON.parse(stdout) as { id: string }).id);
    archives.set(major, id);
    const unexpected = () => Promise.reject(new Error('nothing is to be told'));
    const store = aws.store;
    const { verdict } = (await verifyOnce({
      store,
      id,
      now: () => new Date(),
      sendMail: unexpected,
      readInRanges: unexpected,
    })) as { verdict: unknown };
    expect(verdict).toMatchObject({
      verdict: 'intact',
      inventory: {
        serverVersion: expect.stringMatching(`^${major}\\.`),
        rows: { 'public.torrents': smallTorrents },
      },
    });
  });

  it.each(here.filter((target) => target >= major))(
    'is restored and restore-tested by PostgreSQL %i',
    async (target) => {
      const id = (archives.get(major) as ArchiveId).id;
      const admin = { ...env, ...serverOf(target).connection.env };
      const into = `from_${major}`;
      const restored = await offsite(['restore', id, '--into', into, '--create-roles', '--json'], admin);
      expect(restored.exitCode, restored.stderr).toBe(0);
      const counted = await query(serverOf(target).connection, 'SELECT count(*) FROM torrents', {
        database: into,
      });
      expect(counted).toEqual([[String(smallTorrents)]]);
      const report = await restoreTested(id, target);
      expect(report, JSON.stringify(report)).toMatchObject({ outcome: 'passed', torrents: smallTorrents });
      expect(report.serverVersion).toMatch(new RegExp(`^${target}\\.`));
    },
  );

  it.each(here.filter((target) => target < major))(
    'is not said to be bad because PostgreSQL %i is too old',
    async (target) => {
      const report = await restoreTested((archives.get(major) as ArchiveId).id, target);
      expect(report).toMatchObject({ outcome: 'failed', failure: { code: 'SERVER_TOO_OLD' } });
    },
  );
});

it.each(here.filter((major) => major > own))(
  'pg_dump is too old for PostgreSQL %i, and nothing is stored',
  async (major) => {
    const database = { ...env, ...serverOf(major).connection.env };
    const { exitCode, stderr } = await offsite(['backup', '--source', sourceOf(major)], database);
    expect(stderr).toContain('[PG_DUMP_TOO_OLD]');
    expect(exitCode).toBe(3);
    const store = aws.store;
    expect(await Array.fromAsync(store.list(`archives/${sourceOf(major)}/`))).toEqual([]);
  },
);

/** How databases may sort and compare text, and the first major that knows it. */
const providers = [
  { name: 'ICU', since: 15, options: "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'" },
  {
    name: 'ICU with rules',
    since: 16,
    options: "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' ICU_RULES '&a < g <<< G'",
  },
  { name: 'builtin', since: 17, options: "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'" },
  {
    name: 'builtin of 18',
    since: 18,
    options: "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST'",
  },
] as const;

describe('text that is sorted by', () => {
  const words = "('ä'), ('b'), ('g'), ('G'), ('a'), ('Z')";
  const dump = Buffer.from(
    `SET client_encoding = 'UTF8';\nCREATE TABLE public.words (t text);\nINSERT INTO public.words VALUES ${words};\nCREATE INDEX words_t ON public.words USING btree (t);\n`,
  );
  const sorted = (major: Major, database: string) =>
    query(serverOf(major).connection, 'SELECT t, upper(t) FROM words ORDER BY t', { database });
  const propertiesOf = async (major: Major, database: string) => {
    const { PGUSER, PGPASSWORD, PGPORT } = serverOf(major).connection.env;
    const url = `postgres://${PGUSER}:${PGPASSWORD}@127.0.0.1:${PGPORT}/${database}`;
    return (await readSourceDatabase({ via: 'server', url })) as SourceDatabase;
  };
  const made = ({ encoding, localeProvider, collate, ctype, locale, icuRules }: SourceDatabase) => {
    return { encoding, localeProvider, collate, ctype, locale, icuRules };
  };
  const cases = providers.flatMap(({ name, since, options }) =>
    here
      .filter((major) => major === since || (major > since && major === here.at(-1)))
      .map((major) => [name, major, options] as const),
  );

  it.each(cases)('%s of PostgreSQL %i comes back so, or as what is nearest', async (name, major, options) => {
    const icu = await query(
      serverOf(major).connection,
      "SELECT 1 FROM pg_collation WHERE collprovider = 'i' LIMIT 1",
    );
    if (/ICU/.test(name) && icu.length === 0)
      return console.warn(`SKIPPED: the server of PostgreSQL ${major} was built without ICU`);
    const { connection } = serverOf(major);
    await query(connection, 'DROP DATABASE IF EXISTS words');
    await query(
      connection,
      `CREATE DATABASE words TEMPLATE template0 ENCODING 'UTF8' ${options} LC_COLLATE 'C' LC_CTYPE 'C'`,
    );
    await query(connection, `CREATE TABLE words (t text); INSERT INTO words VALUES ${words}`, {
      database: 'words',
    });
    const source = await propertiesOf(major, 'words');
    const known = providers.find((provider) => provider.name === name)?.since ?? 0;
    // Where it came from, and the newest that does not know it.
    for (const target of here.filter((one) => one === major || one === known - 1)) {
      const said: string[] = [];
      await query(serverOf(target).connection, 'DROP DATABASE IF EXISTS again');
      await restore({
        connection: serverOf(target).connection,
        database: 'again',
        dump: inPieces(dump),
        source,
        jobs: 2,
        warn: (sentence) => said.push(sentence),
      });
      const differs = said.filter((sentence) => /which this server cannot make/.test(sentence));
      const back = made(await propertiesOf(target, 'again'));
      if (target >= known) {
        expect({ target, differs, back }).toEqual({ target, differs: [], back: made(source) });
        if (target === major) expect(await sorted(target, 'again')).toEqual(await sorted(major, 'words'));
      } else {
        expect({ target, said: differs }).toEqual({
          target,
          said: [expect.stringMatching(/it is made with .*Its indexes are built by these rules/)],
        });
        expect(back.encoding).toBe('UTF8');
        expect(await sorted(target, 'again')).toHaveLength(6);
      }
    }
  });
});

function restoreTested(id: string, target: Major) {
  return tryRestore({
    store: aws.store,
    archiveId: id,
    startServer: () => start(target),
    now: () => new Date(),
  });
}
