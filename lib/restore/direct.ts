// Where a connection leads, for our own driver, which is not libpq.

import { statSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Connection } from '../postgres/connection.ts';
import { addressesOf } from './container.ts';

/** What our own driver takes of libpq's environment; with anything else, libpq itself connects. */
const understood = new Set(
  'PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSSLMODE PGCONNECT_TIMEOUT PGAPPNAME PGCLIENTENCODING'.split(
    ' ',
  ),
);
const socketFolders = ['/var/run/postgresql', '/tmp'];
const isLocal = (host: string) => host.startsWith('/') || /^(?:localhost|127\..*|::1)$/.test(host);

/**
 * Connections for our own driver to try, everything spelled out. TLS first where the way is not within this machine, as
 * libpq does; a container by what is in it, then by its address where this machine has a way there.
 */
export async function* directConnections(connection: Connection): AsyncGenerator<Connection> {
  if (connection.via === 'server') return yield* ofEnvironment(connection.env);
  const { container, user, password } = connection;
  if (user === undefined) return;
  yield connection;
  for (const address of await addressesOf(container)) {
    const env = { PGHOST: address, PGUSER: user, PGSSLMODE: 'disable' };
    yield { via: 'server', env: password === undefined ? env : { ...env, PGPASSWORD: password } };
  }
}

function* ofEnvironment(env: Readonly<Record<string, string>>): Generator<Connection> {
  const port = env.PGPORT ?? '5432';
  const host = env.PGHOST ?? socketFolders.find((folder) => isSocket(`${folder}/.s.PGSQL.${port}`));
  const mode = env.PGSSLMODE ?? 'prefer';
  const isPlain = Object.keys(env).every((name) => understood.has(name)) && !/^verify/.test(mode);
  if (host === undefined || /,/.test(`${host}${port}`) || !isPlain) return;
  const spelled = { ...env, PGHOST: host, PGPORT: port, PGUSER: env.PGUSER ?? userInfo().username };
  const modes = mode === 'require' || (mode === 'prefer' && !isLocal(host)) ? ['require'] : [];
  if (mode !== 'require') modes.push('disable');
  for (const one of modes) yield { via: 'server', env: { ...spelled, PGSSLMODE: one } };
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}
