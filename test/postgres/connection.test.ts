import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  type Connection,
  connectionFromEnvironment,
  connectionFromUrl,
  describeConnection,
  psqlLine,
} from '../../lib/postgres/connection.ts';

const urls: [string, Record<string, string>][] = [
  [
    'postgres://offsite:s3cret@db.example:5433/bitmagnet',
    {
      PGUSER: 'offsite',
      PGPASSWORD: 's3cret',
      PGHOST: 'db.example',
      PGPORT: '5433',
      PGDATABASE: 'bitmagnet',
    },
  ],
  [
    'postgresql://u@h/d?sslmode=verify-full&connect_timeout=3&application_name=offsite%20agent',
    {
      PGUSER: 'u',
      PGHOST: 'h',
      PGDATABASE: 'd',
      PGSSLMODE: 'verify-full',
      PGCONNECT_TIMEOUT: '3',
      PGAPPNAME: 'offsite agent',
    },
  ],
  ['postgres://u:p%40%2F%3A@h/d', { PGUSER: 'u', PGPASSWORD: 'p@/:', PGHOST: 'h', PGDATABASE: 'd' }],
  ['postgresql:///d?host=/run/postgresql', { PGDATABASE: 'd', PGHOST: '/run/postgresql' }],
  ['postgres://%2Frun%2Fpostgresql/d', { PGHOST: '/run/postgresql', PGDATABASE: 'd' }],
  ['postgres://u:p@/d?host=/tmp', { PGUSER: 'u', PGPASSWORD: 'p', PGDATABASE: 'd', PGHOST: '/tmp' }],
  ['postgres://[::1]:5432/d', { PGHOST: '::1', PGPORT: '5432', PGDATABASE: 'd' }],
  ['postgres://one:1,two:2/d', { PGHOST: 'one,two', PGPORT: '1,2', PGDATABASE: 'd' }],
  [
    'postgres://h/?dbname=d&user=u&ssl=true',
    { PGHOST: 'h', PGDATABASE: 'd', PGUSER: 'u', PGSSLMODE: 'require' },
  ],
];

describe('connectionFromUrl', () => {
  it.each(urls)('%s', (url, env) => {
    expect(connectionFromUrl(url)).toEqual({ via: 'server', env });
  });

  it('goes over a service that it names, or that the environment does', () => {
    const connection = connectionFromUrl('postgres:///d?service=mine');
    expect(connection).toMatchObject({ env: { PGSERVICE: 'mine' }, parameters: { dbname: 'd' } });
    expect(describeConnection(connection)).toBe('d of service mine');
    expect(connectionFromUrl('postgres:///d', { PGSERVICE: 'mine' })).toEqual(connection);
    expect(psqlLine(connection, "it's", 'SELECT 1')).toMatch(/-d 'service=.*mine.* dbname=.*it.*s/);
  });

  it('takes what it leaves open from an environment, as libpq does', () => {
    const ambient = {
      PGHOST: 'other',
      PGUSER: 'other',
      PGPASSWORD: 's3cret',
      PGSSLMODE: 'require',
      HOME: '/',
    };
    expect(connectionFromUrl('postgres://u@h/d', ambient)).toEqual({
      via: 'server',
      env: { PGHOST: 'h', PGUSER: 'u', PGPASSWORD: 's3cret', PGDATABASE: 'd', PGSSLMODE: 'require' },
    });
  });

  it.each([
    'mysql://u:s3cret@h/d',
    'postgres://u:s3cret@with@at@h/d',
    'postgres://u:s3cret/slash@h/d',
    'postgres://u:s3cret%zz@h/d',
    'postgres://u:s3cret@h/d?nonsense=1',
    'postgres://u:s3cret@h:port/d',
  ])('refuses %s and does not repeat the password', (url) => {
    const error = thrownBy(() => connectionFromUrl(url));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('s3cret');
  });
});

describe('connectionFromEnvironment', () => {
  it('takes what libpq would read, and nothing else, and nothing that is empty', () => {
    expect(connectionFromEnvironment({ PGOPTIONS: '', PGSSLMODE: '', PGHOST: 'h' })).toEqual({
      via: 'server',
      env: { PGHOST: 'h' },
    });
    const env = { PGHOST: 'h', PGPASSWORD: 'p', PATH: '/bin', PAGER: 'less', PGUSER: undefined };
    expect(connectionFromEnvironment(env)).toEqual({ via: 'server', env: { PGHOST: 'h', PGPASSWORD: 'p' } });
  });
});

describe('describeConnection', () => {
  it('says where without secrets', () => {
    expect(describeConnection(connectionFromUrl('postgres://u:s3cret@h:1/d'))).toBe('d at h:1 as u');
    const container = { via: 'container', container: 'c', user: 'u', password: 's3cret' } as const;
    expect(describeConnection(container, 'x')).toBe('x in container c as u');
  });
});

it('a line to paste names the server, and the shell reads each of its words as it was', () => {
  const sql = 'DROP DATABASE "it\'s $HOME `x`"';
  const words = (connection: Connection, database: string) =>
    execFileSync('sh', [
      '-c',
      `psql() { printf '%s|' "$@"; }; docker() { printf '%s|' "$@"; }; ${psqlLine(connection, database, sql)}`,
    ]).toString();
  const server = connectionFromUrl('postgres://u%20v:s3cret@h:5433/d');
  expect(words(server, "it's")).toBe(`-h|h|-p|5433|-U|u v|-d|it's|-c|${sql}|`);
  // What libpq would read as more than a name.
  for (const name of ['a=b', 'host=h', 'postgres://x', "postgresql://it's"])
    expect(words(server, name)).toContain(`|-d|dbname='${name.replace("'", "\\'")}'|`);
  expect(words(connectionFromEnvironment({}), 'd')).toBe(`-d|d|-c|${sql}|`);
  const container = { via: 'container', container: 'c', user: 'u', password: 's3cret' } as const;
  expect(words(container, 'd')).toBe(`exec|c|psql|-U|u|-d|d|-c|${sql}|`);
});

function thrownBy(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
