// A database is brought back: what was there is untouched until the restored one is whole, and then they change places at
// once. Whoever ends that, and when, the one or the other stands there.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../lib/postgres/connection.ts';
import { query } from '../../lib/postgres/programs.ts';
import { openDatabase } from '../../lib/postgres/session.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { type InPlaceOptions, restoreInPlace } from '../../lib/restore/in-place.ts';
import { tidyLeftovers } from '../../lib/restore/leftovers.ts';
import { markSql, newMark } from '../../lib/restore/mark.ts';
import { standBeside } from '../../lib/restore/server.ts';
import { tellingOfSilence } from '../../lib/restore/silence.ts';
import { bin } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { offsite } from '../fixtures/cli.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';
import { asleep, until, untilAsleep } from '../fixtures/events.ts';
import { asked, compressed, databasesOf, dumpOf, inPieces } from '../fixtures/postgres.ts';
import { restoreEvents, untilSeen } from '../fixtures/restore-events.ts';

let server: ThrowawayPostgres;
let folder: string;
let dump: Buffer;
let env: Record<string, string>;

const to = (database: string) =>
  ({ via: 'server', env: { ...server.connection.env, PGDATABASE: database } }) as const;
const run = (sql: string) => query(server.connection, sql);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offsite-bring-back-'));
  server = await startThrowawayPostgres({ tuned: true });
  env = { ...server.connection.env };
  await run('CREATE ROLE keeper; CREATE DATABASE live OWNER keeper');
  await query(
    to('live'),
    `CREATE TABLE torrents (id int PRIMARY KEY, name text); INSERT INTO torrents SELECT id, 'x' || id FROM generate_series(1, 3000) id;
     CREATE TABLE files (torrent int REFERENCES torrents, size int); INSERT INTO files SELECT id, id FROM generate_series(1, 3000) id;
     CREATE INDEX ON files (size); ALTER TABLE torrents OWNER TO keeper; ALTER TABLE files OWNER TO keeper;
     COMMENT ON DATABASE live IS 'größer'; ALTER DATABASE live SET work_mem = '7MB'`,
  );
  dump = await dumpOf(to('live'), ['--create']);
  await query(
    to('live'),
    "DELETE FROM files; UPDATE torrents SET name = 'live'; COMMENT ON DATABASE live IS 'old'",
  );
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(reset);

/** What a database is: as it was, or restored whole. */
async function stateOf(database = 'live'): Promise<string> {
  const [row] = await asked(
    server.connection,
    `SELECT (SELECT count(*) FROM torrents), (SELECT count(*) FROM files), (SELECT min(name) FROM torrents),
       (SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'), (SELECT count(*) FROM pg_constraint WHERE contype = 'f')`,
    { database },
  );
  const known: Record<string, string> = { '3000 0 live 2 1': 'old', '3000 3000 x1 2 1': 'restored' };
  return known[(row ?? []).join(' ')] ?? (row ?? []).join(' ');
}

/** With the old one in its place again. */
async function reset(): Promise<void> {
  const names = await databasesOf(server.connection);
  const old = names.find((name) => name.startsWith('live_before'));
  const now = (sql: string) => asked(server.connection, sql);
  if (old !== undefined && names.includes('live')) await now('DROP DATABASE live WITH (FORCE)');
  if (old !== undefined) await now(`ALTER DATABASE ${old} RENAME TO live`);
  for (const name of names)
    if (!['live', 'postgres', old].includes(name)) await now(`DROP DATABASE "${name}" WITH (FORCE)`);
}

/** What the next restore makes of what is there, and says. */
async function tidied(): Promise<string> {
  const told: string[] = [];
  const { run: ask, close } = await standBeside({ connection: server.connection });
  await tidyLeftovers(ask, 'live', (one) => told.push(one));
  await close();
  return told.join('\n');
}

/** A way to the server, which may fall silent, as the port of a paused container does, or hang up. */
async function openWay() {
  let how: 'on' | 'silent' | 'away' = 'on';
  const sockets = new Set<Socket>();
  const relay = createServer((socket) => {
    const onward = connect(Number(env.PGPORT), '127.0.0.1');
    for (const one of [socket, onward]) sockets.add(one.on('error', () => undefined));
    if (how === 'away') socket.destroy();
    if (how === 'on') socket.pipe(onward).pipe(socket);
    socket.on('close', () => onward.destroy());
  });
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  return {
    port: String((relay.address() as AddressInfo).port),
    goes(next: typeof how) {
      how = next;
      if (how === 'silent') for (const one of sockets) one.unpipe().pause();
    },
    async close() {
      for (const one of sockets) one.destroy();
      await once(relay.close(), 'close');
    },
  };
}

const said: string[] = [];
function bringing(options: Partial<InPlaceOptions> = {}) {
  said.length = 0;
  return restoreInPlace({
    connection: server.connection,
    database: 'live',
    placing: { how: 'swap' },
    dump: () => inPieces(dump),
    compare: {},
    jobs: 2,
    warn: (sentence) => said.push(sentence),
    ...options,
  });
}

describe('a database that is brought back', () => {
  it('takes the place of the one that is there, which is kept', async () => {
    const { database, before, way } = await bringing();
    expect([database, way.by]).toEqual(['live', 'sessions']);
    expect(await databasesOf(server.connection)).toEqual(['live', before, 'postgres']);
    expect(before).toMatch(/^live_before_\d{8}_\d{6}$/);
    expect(await stateOf()).toBe('restored');
    expect(await stateOf(before)).toBe('old');
    const [row] = await query(
      to('live'),
      `SELECT shobj_description(oid, 'pg_database'), pg_get_userbyid(datdba), current_setting('work_mem') FROM pg_database WHERE datname = 'live'`,
    );
    expect(row).toEqual(['größer', 'keeper', '7MB']);
  });

  it('makes the roles that only the end of a dump names, where nobody has looked into it before (--create-roles)', async () => {
    const added = `GRANT SELECT ON public.torrents TO granted; CREATE POLICY p ON public.torrents TO allowed USING (true);
      CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE USER MAPPING FOR mapped SERVER s;
      CREATE STATISTICS public.st ON id, name FROM public.torrents; ALTER STATISTICS public.st OWNER TO owning;\n`;
    const ending = '--\n-- PostgreSQL database dump complete';
    const whole = Buffer.from(dump.toString().replace(ending, added + ending));
    await bringing({
      dump: () => inPieces(whole),
      createRoles: true,
      placing: { how: 'beside', name: 'again' },
    });
    expect(said.filter((sentence) => /left out/.test(sentence))).toEqual([]);
    const made = "SELECT rolname FROM pg_roles WHERE rolname IN ('granted', 'allowed', 'mapped', 'owning')";
    expect(await run(made)).toHaveLength(4);
    await run('DROP DATABASE again');
    await run('DROP ROLE granted, allowed, mapped, owning');
  });

  it('by an ordinary role and by one psql is the same', async () => {
    await run(
      "CREATE ROLE few LOGIN CREATEDB PASSWORD 'few'; GRANT keeper TO few; ALTER DATABASE live OWNER TO keeper",
    );
    // What holds for the role else is not for what brings its database back.
    await run(
      "ALTER ROLE few SET default_transaction_read_only = on; ALTER ROLE few SET idle_session_timeout = '1h'",
    );
    const limited = `DO $$BEGIN IF current_setting('idle_session_timeout') <> '0' THEN RAISE 'limited'; END IF; END$$;`;
    const unlimited = Buffer.from(dump.toString().replace('\nCREATE TABLE', (next) => `\n${limited}${next}`));
    const connection: Connection = { via: 'server', env: { ...env, PGUSER: 'few', PGPASSWORD: 'few' } };
    expect((await bringing({ connection, dump: () => inPieces(unlimited) })).way.by).toBe('sessions');
    expect(await stateOf()).toBe('restored');
    const bySessions = await dumpOf(to('live'), ['--create']);
    await reset();
    await bringing({ connection, jobs: undefined, dump: () => inPieces(unlimited) });
    expect(said).toEqual([]);
    const lines = (bytes: Buffer) =>
      bytes
        .toString()
        .replace(/^\\(un)?restrict .*$/gm, '')
        .split('\n')
        .sort()
        .join('\n');
    expect(lines(await dumpOf(to('live'), ['--create']))).toBe(lines(bySessions));
  });

  it('simply uses one that is empty, but for extensions', async () => {
    await run('ALTER DATABASE live RENAME TO aside; CREATE DATABASE live');
    await query(to('live'), 'CREATE EXTENSION pg_trgm');
    const { before } = await bringing();
    expect(before).toBeUndefined();
    expect(await databasesOf(server.connection)).toEqual(['aside', 'live', 'postgres']);
    expect(await stateOf()).toBe('restored');
    await run('DROP DATABASE live; ALTER DATABASE aside RENAME TO live');
  });

  it('takes the place of one that is damaged, and lets nobody in', async () => {
    for (const how of ['swap', 'replace'] as const) {
      await run('CREATE DATABASE torn');
      const [[map = ''] = []] = await run(
        "CHECKPOINT; SELECT current_setting('data_directory') || '/base/' || oid || '/pg_filenode.map' FROM pg_database WHERE datname = 'torn'",
      );
      rmSync(map);
      await expect(query(to('torn'), 'SELECT 1')).rejects.toThrow();
      const { before } = await bringing({ database: 'torn', placing: { how }, plainBytes: 1 });
      expect(await stateOf('torn')).toBe('restored');
      expect(await databasesOf(server.connection)).toEqual(
        ['live', 'postgres', 'torn', ...(how === 'swap' ? [before] : [])].sort(),
      );
      await run(`DROP DATABASE torn; DROP DATABASE IF EXISTS ${before ?? 'torn'}`);
    }
  });

  it('keeps one that was empty and is so no longer', async () => {
    await run('ALTER DATABASE live RENAME TO aside; CREATE DATABASE live');
    async function* meanwhile() {
      yield* inPieces(dump);
      await query(to('live'), 'CREATE TABLE torrents AS SELECT 1 AS id');
    }
    const { before = '' } = await bringing({ dump: meanwhile });
    expect(await query(to(before), 'SELECT id FROM torrents')).toEqual([['1']]);
    expect(await stateOf()).toBe('restored');
    await run(`DROP DATABASE live; DROP DATABASE ${before}; ALTER DATABASE aside RENAME TO live`);
  });

  it('stands beside it where that is asked for', async () => {
    const { database } = await bringing({ placing: { how: 'beside' } });
    expect(database).toMatch(/^live_restore_\d/);
    expect([await stateOf(), await stateOf(database)]).toEqual(['old', 'restored']);
  });

  it.each([
    ['psql', 'expected'],
    ['pg_dump', 'pg_dump offsite-1234'],
  ])('does not while %s is connected', async (_, name) => {
    const session = await openDatabase(server.connection, 'live');
    await session.run(`SET application_name = '${name}'`);
    await expect(bringing()).rejects.toMatchObject({
      code: 'DATABASE_IN_USE',
      found: expect.stringMatching(new RegExp(`${name}, process \\d+`)),
    });
    await session.close();
    expect(await databasesOf(server.connection)).toEqual(['live', 'postgres']);
  });

  it('is kept beside one that came, or is used, by the time of the swap', async () => {
    let session: Awaited<ReturnType<typeof openDatabase>> | undefined;
    async function* meanwhile() {
      yield* inPieces(dump);
      session = await openDatabase(server.connection, 'live');
    }
    const error = await bringing({ dump: meanwhile }).catch((thrown) => thrown);
    await session?.close();
    expect(error).toMatchObject({ code: 'DATABASE_IN_USE' });
    const [, kept = ''] = /^nothing was overwritten; .* whole, and kept as (\w+)$/.exec(error.safe) ?? [];
    expect([await stateOf(), await stateOf(kept)]).toEqual(['old', 'restored']);
    await run('ALTER DATABASE live RENAME TO aside');
    async function* making() {
      yield* inPieces(dump);
      await run('CREATE DATABASE live');
    }
    await expect(bringing({ dump: making })).rejects.toMatchObject({ code: 'DATABASE_EXISTS' });
    await run('DROP DATABASE live; ALTER DATABASE aside RENAME TO live');
    // It is nobody's half-made one.
    await tidied();
    expect((await databasesOf(server.connection)).filter((name) => /restore/.test(name))).toHaveLength(2);
  });

  it.each([
    [{ how: 'swap' }, 'live', /^nothing was overwritten; .* kept as live_restore_19700101_000000$/],
    [{ how: 'beside' }, 'live_restore_19700101_000000', /^no database that was there was touched; /],
    [{ how: 'beside', name: 'fresh' }, 'fresh', /; the fresh that is there is another's, and as it was; /],
    [{ how: 'replace' }, 'live', /^the live that is there is another's, and as it was; /],
  ] as const)(
    'speaks well of the one that another restore makes meanwhile: %j',
    async (placing, name, safe) => {
      await run('ALTER DATABASE live RENAME TO live_before_here');
      const now = () => new Date(0);
      async function* overtaken() {
        // Two that replace do not come so far.
        await bringing({ placing: placing.how === 'replace' ? { how: 'swap' } : placing, now });
        yield* inPieces(dump);
      }
      const error = await bringing({ placing, now, dump: overtaken }).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'DATABASE_EXISTS', safe: expect.stringMatching(safe) });
      expect(error.safe).not.toMatch(/half restored|is none/);
      expect(await stateOf(name)).toBe('restored');
    },
  );

  it('is dropped if it is not whole, or holds other than what was dumped', async () => {
    const cut = dump.subarray(0, dump.indexOf('-- PostgreSQL database dump complete'));
    await expect(bringing({ dump: () => inPieces(cut) })).rejects.toMatchObject({
      code: 'DUMP_INCOMPLETE',
      safe: 'live is as it was; nothing half restored is left; the archive is as it was',
      hint: expect.stringContaining("'offsite restore ID'"),
    });
    const altered = (statements: string) =>
      Buffer.from(dump.toString().replace('\nALTER TABLE ONLY public.files', `\n${statements}\n--`));
    const twice = altered('DROP TABLE public.files;\nCREATE TABLE public.files (a int);');
    await expect(bringing({ dump: () => inPieces(twice) })).rejects.toMatchObject({
      code: 'RESTORE_REFUSED',
    });
    const quiet = Buffer.from(
      dump.toString().replace('\nALTER TABLE ONLY public.files', '\nDELETE FROM public.files;$&'),
    );
    await expect(bringing({ dump: () => inPieces(quiet) })).rejects.toMatchObject({ code: 'RESTORE_FAILED' });
    expect(await databasesOf(server.connection)).toEqual(['live', 'postgres']);
    expect(await stateOf()).toBe('old');
  });

  it('that was dropped for one that is not whole is said to be gone', async () => {
    const none = Buffer.from('-- PostgreSQL database dump\n');
    const replacing = (database: string) =>
      bringing({ database, placing: { how: 'replace' }, dump: () => inPieces(none) });
    await run('CREATE DATABASE doomed');
    await expect(replacing('doomed')).rejects.toMatchObject({
      safe: 'doomed is gone: it was dropped for the restored one, as --replace says; nothing half restored is left; the archive is as it was',
    });
    await expect(
      bringing({ placing: { how: 'beside', name: 'other' }, dump: () => inPieces(none) }),
    ).rejects.toMatchObject({
      safe: expect.stringMatching(/^no database that was there was touched; nothing half restored is left/),
    });
    expect(await databasesOf(server.connection)).toEqual(['live', 'postgres']);
  });

  it('is loaded by one session where several are refused what may count on the order', async () => {
    await run('CREATE DATABASE ordered');
    await query(
      to('ordered'),
      `CREATE FUNCTION alone(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
         IF (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'offsite restore') > 1
         THEN RAISE 'not alone'; END IF; RETURN true; END $$;
       CREATE TABLE b (id int CHECK (alone(id))); INSERT INTO b VALUES (1)`,
    );
    const ordered = await dumpOf(to('ordered'));
    let opened = 0;
    const open = () => {
      opened += 1;
      return inPieces(ordered);
    };
    for (const [how, database] of [
      ['swap', 'again'],
      ['replace', 'ordered'],
    ] as const) {
      opened = 0;
      const { way } = await bringing({ database, placing: { how }, dump: open });
      expect([opened, way]).toEqual([2, expect.objectContaining({ sessions: 1 })]);
      expect(said).toContainEqual(expect.stringMatching(/once more by one session/));
    }
  });

  it('has names that the server does not cut', async () => {
    const name = 'ü'.repeat(31);
    const { database } = await bringing({ database: name });
    expect(database).toBe(name);
    const { before = '' } = await bringing({ database: name });
    expect(Buffer.byteLength(before)).toBeLessThanOrEqual(63);
    expect(await stateOf(before)).toBe('restored');
  });
});

describe('what a killed restore left', () => {
  const comments = `SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'live'`;
  const mark = { ...newMark('live', '20260101_000000'), pid: 2 ** 22 + 1 };

  it('is dropped, finished or undone by its mark, and nothing else is', async () => {
    await run(
      `CREATE DATABASE live_restore_20260101_000000; ${markSql('live_restore_20260101_000000', mark)}; CREATE DATABASE live_restore_20250101_000000`,
    );
    expect(await tidied()).toMatch(/half-made live_restore_20260101_000000 is dropped/);
    expect(await databasesOf(server.connection)).toEqual([
      'live',
      'live_restore_20250101_000000',
      'postgres',
    ]);
    // Half renamed, and not ready: undone.
    await run(
      `ALTER DATABASE live RENAME TO live_before_20260101_000000; CREATE DATABASE live_restore_20260101_000000; ${markSql('live_restore_20260101_000000', mark)}`,
    );
    expect(await tidied()).toMatch(/is live again/);
    expect(await stateOf()).toBe('old');
    // Half renamed, and whole: finished.
    await run(
      `CREATE DATABASE live_restore_20260101_000000 TEMPLATE live; ALTER DATABASE live RENAME TO live_before_20260101_000000; ${markSql('live_restore_20260101_000000', { ...mark, state: 'ready', comment: 'größer' })}`,
    );
    expect(await tidied()).toMatch(/is live now/);
    expect(await query(to('live'), comments)).toEqual([['größer']]);
    // The old one, killed between the stop of what uses it and its drop.
    await run(markSql('live', { ...mark, state: 'replacing', comment: 'größer' }));
    expect(await tidied()).toMatch(/live is as it was/);
    expect(await stateOf()).toBe('old');
    expect(await query(to('live'), comments)).toEqual([['größer']]);
    // Another restore is at it.
    await run(
      `CREATE DATABASE live_restore_20260101_000000; ${markSql('live_restore_20260101_000000', { ...mark, pid: process.ppid })}`,
    );
    expect(await tidied()).toMatch(/left alone/);
    expect(await databasesOf(server.connection)).toContain('live_restore_20260101_000000');
  });
});

describe('ended at any time', () => {
  it.each(
    restoreEvents.flatMap(([name, event]) => [
      [name, event, 'SIGTERM'] as const,
      [name, event, 'SIGKILL'] as const,
    ]),
  )('%s: %s', async (_, event, signal) => {
    const file = join(folder, 'live.sql');
    if (!existsSync(file)) writeFileSync(file, dump);
    // Seen by a server that looks a thousand times a second.
    const seen = run(untilSeen(event));
    const restoring = execa(bin, ['restore', file, '--dbname', 'live', '--jobs', '2', '--quiet'], {
      env: { PATH: process.env.PATH ?? '', HOME: folder, ...env, OFFSITE_BUCKET: 'none' },
      extendEnv: false,
      reject: false,
      forceKillAfterDelay: false,
    });
    await Promise.race([seen, restoring]);
    restoring.kill(signal);
    const { exitCode, stderr } = await restoring;
    expect([0, 143, undefined], stderr).toContain(exitCode);
    // What it had given to a psql goes on to its end.
    await until('nobody is at it', async () => {
      const [row] = await asked(
        server.connection,
        `SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND query NOT LIKE 'DO $$%'`,
      );
      return row?.[0] === '0';
    });
    if (signal === 'SIGKILL') await tidied();
    const names = await databasesOf(server.connection);
    expect(names.filter((name) => name.includes('restore'))).toEqual([]);
    const old = names.find((name) => name.startsWith('live_before'));
    expect([await stateOf(), ...(old === undefined ? [] : [await stateOf(old)])]).toEqual(
      old === undefined ? ['old'] : ['restored', 'old'],
    );
  });
});

describe('offsite restore FILE', () => {
  const restoring = (file: string, ...more: string[]) =>
    offsite(['restore', file, '--dbname', 'live', '--json', ...more], { ...env, OFFSITE_BUCKET: 'none' });

  it('restores gzip and plain, and replaces only what it may', async () => {
    const file = join(folder, 'dump.sql.gz');
    writeFileSync(file, compressed(dump));
    const refused = await restoring(file, '--replace');
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('--yes');
    expect(await stateOf()).toBe('old');
    const swapped = await restoring(file);
    expect(swapped.exitCode, swapped.stderr).toBe(0);
    const { before, torrents } = answerOf('restore', swapped.stdout);
    expect(torrents).toBe(3000);
    expect(await stateOf(before)).toBe('old');
    const replaced = await restoring(file, '--replace', '--yes');
    expect(replaced.exitCode, replaced.stderr).toBe(0);
    expect(await databasesOf(server.connection)).toEqual(['live', before, 'postgres']);
    expect(await stateOf()).toBe('restored');
  });

  describe('--replace, asked on a terminal', () => {
    /** What is typed once the question stands there. */
    const asked = async (typed: string) => {
      const file = join(folder, 'asked.sql');
      writeFileSync(file, dump);
      const line = `stty cols 200; exec ${bin} restore ${file} --dbname live --replace --quiet`;
      const running = execa('script', ['-qec', line, '/dev/null'], {
        env: { PATH: process.env.PATH ?? '', HOME: folder, ...env, OFFSITE_BUCKET: 'none', SHELL: '/bin/sh' },
        extendEnv: false,
        reject: false,
        stdin: 'pipe',
      });
      let shown = '';
      for await (const chunk of running.iterable({ from: 'stdout', binary: true, preserveNewlines: true })) {
        const isAsked = shown.includes('to go on:');
        shown += Buffer.from(chunk).toString();
        if (!isAsked && shown.includes('to go on:')) running.stdin.write(typed);
      }
      const { exitCode } = await running;
      return { exitCode, shown };
    };
    const withoutScript = 'SKIPPED: no script(1) that makes a terminal';

    it.each([
      ['another name', 'life\r', 2, /nothing was changed/],
      ['^C', '\x03', 130, /INTERRUPTED/],
    ])('%s leaves everything', async (_, typed, exitCode, said) => {
      if (!hasProgram('script')) return console.warn(withoutScript);
      const answered = await asked(typed);
      expect(answered).toEqual({ exitCode, shown: expect.stringMatching(said) });
      expect(await databasesOf(server.connection)).toEqual(['live', 'postgres']);
      expect(await stateOf()).toBe('old');
    });

    it('its own name goes on', async () => {
      if (!hasProgram('script')) return console.warn(withoutScript);
      await run('ALTER DATABASE live RENAME TO aside; CREATE DATABASE live TEMPLATE aside');
      expect(await asked('live\r')).toMatchObject({ exitCode: 0 });
      expect(await stateOf()).toBe('restored');
      await run('DROP DATABASE live; ALTER DATABASE aside RENAME TO live');
    });
  });

  it('shows which index it makes, on a terminal of 80 columns', async () => {
    if (!hasProgram('script')) return console.warn('SKIPPED: no script(1) that makes a terminal');
    const file = join(folder, 'slow.sql');
    // The index is made until somebody has seen it: the server's user looks for a file.
    const seen = join(mkdtempSync(join(tmpdir(), 'offsite-seen-')), 'seen');
    chmodSync(dirname(seen), 0o755);
    const slow = `CREATE FUNCTION public.slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
WHILE (pg_catalog.pg_stat_file('${seen}', true)).size IS NULL LOOP PERFORM pg_sleep(0.05); END LOOP; RETURN $1; END $$;
CREATE TABLE public.one (id int);\nCOPY public.one (id) FROM stdin;\n1\n2\n\\.\n
CREATE INDEX "quick" ON public.one USING btree (id);\nCREATE INDEX "slow\u009b" ON public.one USING btree (public.slow(id));\n`;
    writeFileSync(file, `${slow}\n--\n-- PostgreSQL database dump complete\n--\n\n`);
    const line = `stty cols 80; exec ${bin} restore ${file} --dbname slow --jobs 2`;
    const running = execa('script', ['-qec', line, '/dev/null'], {
      env: { PATH: process.env.PATH ?? '', HOME: folder, ...env, OFFSITE_BUCKET: 'none', SHELL: '/bin/sh' },
      extendEnv: false,
    });
    const drawnSlow = /^\d+ B read, indexes and keys: [01] of 2, now "slow\\u009b" +\d+:\d\d$/m;
    let stdout = '';
    for await (const chunk of running.iterable({ from: 'stdout', binary: true, preserveNewlines: true })) {
      stdout += Buffer.from(chunk).toString();
      if (drawnSlow.test(stdout.replaceAll('\r\x1b[K', '\n'))) writeFileSync(seen, '');
    }
    await running;
    rmSync(dirname(seen), { recursive: true });
    const drawn = stdout.split('\r\x1b[K').map((one) => one.split('\n')[0] ?? '');
    expect(drawn).toContainEqual(expect.stringMatching(drawnSlow));
    for (const one of drawn.filter((text) => /\d:\d\d$/.test(text))) expect(one.length).toBeLessThan(80);
  });

  it('loads a small one by one session, which compares and makes statistics, too', async () => {
    const file = join(folder, 'small.sql.gz');
    writeFileSync(file, compressed(await dumpOf(to('live'))));
    const hook = join(folder, 'loaded.mjs');
    writeFileSync(
      hook,
      `import { registerHooks } from 'node:module'; import { writeFileSync } from 'node:fs'; const urls = [];
       registerHooks({ resolve(name, context, next) { const found = next(name, context); urls.push(found.url); return found; } });
       process.on('exit', () => writeFileSync('${hook}.txt', urls.join('\\n')));`,
    );
    const restored = await offsite(['restore', file, '--dbname', 'small', '--json'], {
      ...env,
      OFFSITE_BUCKET: 'none',
      NODE_OPTIONS: `--import ${hook}`,
    });
    expect(answerOf('restore', restored.stdout)).toMatchObject({ database: 'small', sessions: 1 });
    // Half of its time would go into the SDK and execa: by name, or, in one file with it all, by what only they load.
    const loaded = readFileSync(`${hook}.txt`, 'utf8');
    expect(loaded).toMatch(/node:net|node:tls/);
    expect(loaded).not.toMatch(/@aws-sdk|execa|node:stream\/web|node:string_decoder/);
    const opened = () => run("SELECT sessions FROM pg_stat_database WHERE datname = 'small'");
    await until('the server has counted', async () => Number((await opened())[0]?.[0]) > 0);
    expect(await opened()).toEqual([['1']]);
    const [analyzed] = await query(
      to('small'),
      'SELECT count(DISTINCT tablename) FROM pg_stats WHERE schemaname = current_schema()',
    );
    expect(analyzed).toEqual(['1']);
  });

  it('says what a file is that holds no dump', async () => {
    const custom = join(folder, 'custom');
    writeFileSync(custom, await dumpOf(to('live'), ['-Fc']));
    const encrypted = join(folder, 'encrypted.sql.gz');
    writeFileSync(encrypted, 'Salted__abcdefgh');
    const inside = join(folder, 'inside.sql.gz');
    writeFileSync(inside, compressed(await dumpOf(to('live'), ['-Fc'])));
    const directory = join(folder, 'directory');
    mkdirSync(directory);
    writeFileSync(join(directory, 'toc.dat'), 'PGDMP');
    const device = join(folder, 'device');
    if (process.getuid?.() === 0) execFileSync('mknod', [device, 'c', '1', '3']);
    const cut = join(folder, 'cut.sql.gz');
    writeFileSync(cut, compressed(dump).subarray(0, -20));
    const cases: [string, RegExp][] = [
      [custom, /-Fc/],
      [encrypted, /encrypted/],
      [inside, /-Fc/],
      [directory, /-Fd/],
      [device, existsSync(device) ? /device/ : /no such file/],
      [cut, /damaged/],
      [join(folder, 'nothing'), /no such file/],
    ];
    for (const [file, words] of cases) {
      const { exitCode, stderr } = await restoring(file);
      expect(stderr).toMatch(words);
      expect([2, 5, 7]).toContain(exitCode);
      // Of a slip in what was typed nothing could be in doubt.
      if (exitCode !== 2) expect(stderr).toMatch(/safe +(no database was touched|live is as it was)/);
    }
    expect(await databasesOf(server.connection)).toEqual(['live', 'postgres']);
  });

  async function interrupted(by: Record<string, string>, before: () => unknown = () => undefined) {
    const file = join(folder, 'asleep.sql');
    writeFileSync(file, `${dump.toString().replace('-- PostgreSQL database dump complete', '')}${asleep}`);
    const running = execa(bin, ['restore', file, '--dbname', 'live'], {
      env: { PATH: process.env.PATH ?? '', HOME: folder, ...env, ...by, OFFSITE_BUCKET: 'none' },
      extendEnv: false,
      reject: false,
    });
    const ended = running.then(({ stderr }) => Promise.reject(new Error(stderr)));
    await Promise.race([untilAsleep(server.connection), ended]);
    ended.catch(() => undefined);
    before();
    running.kill('SIGINT');
    return running;
  }

  it('says what may be left when it is interrupted at a server that no longer answers', async () => {
    const way = await openWay();
    const { exitCode, stderr } = await interrupted({ PGPORT: way.port }, () => way.goes('silent'));
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(
      /safe +live is as it was; live_restore_\w+, half restored, may be left, and the next/,
    );
    await way.close();
    expect(await tidied()).toMatch(/the half-made live_restore_\w+ is dropped/);
    expect(await databasesOf(server.connection)).toEqual(['live', 'postgres']);
  });

  it.each([
    ['sessions of its own', {}],
    ['psql', { PGOPTIONS: '-c work_mem=1MB' }],
  ])('tells of a server that lets nobody in, and again when it does: by %s', async (_, more) => {
    const way = await openWay();
    const connection: Connection = { via: 'server', env: { ...env, ...more, PGPORT: way.port } };
    const standing = await standBeside({ connection });
    const told: string[] = [];
    const tell = (sentence: string) => void told.push(sentence);
    const doing = async () => {
      way.goes('away');
      await until('it is told', () => told.length === 1);
      way.goes('on');
      await until('it is told', () => told.length === 2);
      return 'done';
    };
    expect(await tellingOfSilence(standing, tell, doing, 10)).toBe('done');
    await standing.close();
    expect(told).toEqual([
      expect.stringMatching(/^the server has let nobody in for .* docker unpause\)/),
      'the server answers again: it goes on',
    ]);
    await way.close();
  });

  it('drops what it made when it is interrupted in a dump that does not end', async () => {
    const running = interrupted({});
    const { exitCode, stderr } = await running;
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(
      /interrupted by SIGINT .*\n(.*\n)* +safe +live is as it was; nothing half restored/,
    );
    expect(await databasesOf(server.connection)).toEqual(['live', 'postgres']);
  });
});
