import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../lib/postgres/connection.ts';
import {
  clientCommand,
  findPostgresPrograms,
  query,
  quoteIdentifier,
  quoteLiteral,
} from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { asleep, until } from '../fixtures/events.ts';
import { clientsOf, commandLines } from '../fixtures/postgres.ts';

let server: ThrowawayPostgres;
let directory: string;

beforeAll(async () => {
  server = await startThrowawayPostgres({ tuned: true });
  directory = await mkdtemp(join(tmpdir(), 'offsite-test-'));
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

function withEnv(env: Record<string, string>): Connection {
  return { via: 'server', env: { ...server.connection.env, ...env } };
}

describe('query', () => {
  it('reads any text back as it is', async () => {
    const hostile = [
      'a,b',
      '"',
      '""',
      'two\nlines\r\n',
      '\u001f\u001e',
      '\\.',
      "it's",
      'ü【】',
      '',
      ' ',
      '\t',
      ':x',
    ];
    const row = await query(server.connection, `SELECT ${hostile.map(quoteLiteral).join(', ')}`);
    expect(row).toEqual([hostile]);
  });

  it('reads no rows, one empty field and several statements', async () => {
    expect(await query(server.connection, 'SELECT 1 WHERE false')).toEqual([]);
    expect(await query(server.connection, 'SELECT NULL')).toEqual([['']]);
    expect(await query(server.connection, 'SELECT 1, 2; SELECT 3;')).toEqual([['1', '2'], ['3']]);
  });

  it('quotes names and literals so that nothing gets out', async () => {
    const name = 'x"; DROP TABLE y; --';
    const rows = await query(
      server.connection,
      `SELECT 1 AS ${quoteIdentifier(name)}, ${quoteLiteral("\\'; --")}`,
    );
    expect(rows).toEqual([['1', "\\'; --"]]);
  });

  it('is not redirected by the PG* variables of the shell', async () => {
    process.env.PGHOSTADDR = '192.0.2.1';
    try {
      expect(await query(server.connection, 'SELECT 1')).toEqual([['1']]);
    } finally {
      delete process.env.PGHOSTADDR;
    }
  });

  it.each([
    ['a wrong password', { PGPASSWORD: 'wrong' }, 'DATABASE_REFUSED', /password authentication failed/],
    ['an unknown user', { PGUSER: 'nobody-here' }, 'DATABASE_REFUSED', /authentication failed/],
    ['an unknown database', { PGDATABASE: 'nix' }, 'DATABASE_REFUSED', /database "nix" does not exist/],
    ['a closed port', { PGPORT: '1' }, 'DATABASE_UNREACHABLE', /Connection refused/],
    ['an unknown host', { PGHOST: 'nowhere.invalid' }, 'DATABASE_UNREACHABLE', /translate host name/],
  ] as const)('%s: %s', async (_, env, code, found) => {
    const error = await query(withEnv(env), 'SELECT 1').catch((thrown) => thrown);
    expect(error).toMatchObject({
      code,
      found: expect.stringMatching(found),
      hint: expect.stringMatching(/\w/),
    });
    expect(JSON.stringify(error)).not.toContain(server.connection.env.PGPASSWORD);
  });

  it('gives up on a host that accepts and says nothing', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const connection = withEnv({ PGPORT: String(port), PGCONNECT_TIMEOUT: '2' });
    await expect(query(connection, 'SELECT 1')).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      found: expect.stringContaining('timeout expired'),
    });
    silent.close();
  });

  it('ends at the first statement that fails', async () => {
    const sql = 'CREATE TABLE before_error (); SELECT nonsense; CREATE TABLE after_error ();';
    await expect(query(server.connection, sql)).rejects.toMatchObject({
      code: 'DATABASE_REFUSED',
      found: expect.stringContaining('column "nonsense" does not exist'),
    });
    const tables = await query(server.connection, `SELECT relname FROM pg_class WHERE relname ~ '_error$'`);
    expect(tables).toEqual([['before_error']]);
  });

  it('names a missing program', async () => {
    const error = await query(server.connection, 'SELECT 1', { binDir: directory }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'PROGRAM_MISSING', message: 'psql cannot be started' });
  });

  it('shows no password in ps while it runs', async () => {
    const enough = new AbortController();
    const running = query(server.connection, asleep, { signal: enough.signal }).catch(() => undefined);
    const password = server.connection.env.PGPASSWORD as string;
    const clients = await until(
      'psql runs',
      () => clientsOf(server.port).length > 0 && clientsOf(server.port),
    );
    const seen = commandLines();
    expect(clients.length).toBeGreaterThan(0);
    expect(seen.some((line) => /psql .*--csv/.test(line))).toBe(true);
    expect(seen.filter((line) => line.includes(password))).toEqual([]);
    enough.abort();
    await running;
  });
});

describe('in a container', () => {
  // Does what `docker exec -i [-e NAME]… CONTAINER PROGRAM …` does, with only the named variables; fails on -t.
  const dockerScript = `#!/bin/bash
[ "$1 $2" = "exec -i" ] || { echo "unexpected: $*" >&2; exit 64; }; shift 2
keep=("PATH=$PATH" "PGHOST=127.0.0.1" "PGPORT=$FAKE_PORT")
while [ "$1" = -e ]; do keep+=("$2=\${!2}"); shift 2; done
container=$1; shift
case $container in
  gone) echo "Error response from daemon: No such container: gone" >&2; exit 1;;
  stopped) echo "Error response from daemon: container 4f is not running" >&2; exit 1;;
  held) echo "Error response from daemon: container held is paused, unpause the container before exec" >&2; exit 1;;
  bare) echo 'OCI runtime exec failed: exec failed: "psql": executable file not found in $PATH' >&2; exit 127;;
esac
exec env -i "\${keep[@]}" "$@"
`;
  const before = { ...process.env };
  beforeAll(async () => {
    await writeFile(join(directory, 'docker'), dockerScript);
    await chmod(join(directory, 'docker'), 0o755);
    process.env.PATH = `${directory}:${process.env.PATH}`;
    process.env.FAKE_PORT = String(server.port);
  });
  afterAll(() => {
    process.env.PATH = before.PATH;
    delete process.env.FAKE_PORT;
  });

  function inContainer(container: string): Connection {
    return {
      via: 'container',
      container,
      user: 'postgres',
      password: server.connection.env.PGPASSWORD,
      database: 'postgres',
    };
  }

  it('reaches the server, with the password in the environment only', async () => {
    const connection = inContainer('db');
    expect(await query(connection, 'SELECT current_user, current_database()')).toEqual([
      ['postgres', 'postgres'],
    ]);
    const rows = await query(connection, 'SELECT current_database()', { database: 'template1' });
    expect(rows).toEqual([['template1']]);
    const command = clientCommand(connection, 'pg_dump', ['--verbose']);
    expect(command.args).not.toContain('-t');
    expect(command.args.join(' ')).not.toContain(server.connection.env.PGPASSWORD);
  });

  it.each([
    ['gone', 'CONTAINER_UNREACHABLE', /^see 'docker ps'/],
    ['stopped', 'CONTAINER_UNREACHABLE', /^docker start stopped; .*docker logs stopped/],
    ['held', 'CONTAINER_UNREACHABLE', /^docker unpause held$/],
    ['bare', 'PROGRAM_MISSING', /docker ps/],
  ])('a container that is %s: %s', async (container, code, hint) => {
    await expect(query(inContainer(container), 'SELECT 1')).rejects.toMatchObject({
      code,
      hint: expect.stringMatching(hint),
    });
  });

  it('names docker when there is none', async () => {
    process.env.PATH = join(directory, 'empty');
    try {
      await expect(query(inContainer('db'), 'SELECT 1')).rejects.toMatchObject({
        code: 'PROGRAM_MISSING',
        message: 'docker cannot be started',
      });
    } finally {
      process.env.PATH = `${directory}:${before.PATH}`;
    }
  });
});

describe('findPostgresPrograms', () => {
  const programs = ['psql', 'pg_dump', 'initdb', 'postgres'];
  async function install(name: string, which = programs): Promise<string> {
    const bin = join(directory, name);
    await mkdir(bin, { recursive: true });
    for (const program of which) await writeFile(join(bin, program), '', { mode: 0o755 });
    return bin;
  }

  it('prefers the PATH, passes over directories with clients only, and takes the newest version', async () => {
    const clients = await install('clients', ['psql', 'pg_dump']);
    const whole = await install('whole');
    await install('versions/9/bin');
    const newest = await install('versions/16/bin');
    await install('versions/17/bin', ['psql']);
    const versions = join(directory, 'versions');
    expect(findPostgresPrograms(`${clients}:${whole}`, versions)).toBe(whole);
    expect(findPostgresPrograms(clients, versions)).toBe(newest);
    expect(findPostgresPrograms('', join(directory, 'nothing'))).toBeUndefined();
  });
});
