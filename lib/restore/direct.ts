// Where libpq's environment leads, for our own driver, which is not libpq.

import { statSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { ServerConnection } from '../postgres/session.ts';

/** What our own driver takes of libpq's environment; with anything else, libpq itself connects. */
const understood = new Set(
  'PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSSLMODE PGCONNECT_TIMEOUT PGAPPNAME PGCLIENTENCODING'.split(
    ' ',
  ),
);
const socketFolders = ['/var/run/postgresql', '/tmp'];
const isLocal = (host: string) => host.startsWith('/') || /^(?:localhost|127\..*|::1)$/.test(host);

/**
 * Connections for our own driver to try, everything spelled out; TLS first where the way is not within this machine, as
 * libpq does.
 *
 * @param env - libpq's.
 */
export function directConnections(env: Readonly<Record<string, string>>): ServerConnection[] {
  const port = env.PGPORT ?? '5432';
  const host = env.PGHOST ?? socketFolders.find((folder) => isSocket(`${folder}/.s.PGSQL.${port}`));
  const mode = env.PGSSLMODE ?? 'prefer';
  const isPlain = Object.keys(env).every((name) => understood.has(name)) && !/^verify/.test(mode);
  if (host === undefined || /,/.test(`${host}${port}`) || !isPlain) return [];
  const spelled = { ...env, PGHOST: host, PGPORT: port, PGUSER: env.PGUSER ?? userInfo().username };
  const modes = mode === 'require' || (mode === 'prefer' && !isLocal(host)) ? ['require'] : [];
  if (mode !== 'require') modes.push('disable');
  return modes.map((one) => ({ via: 'server', env: { ...spelled, PGSSLMODE: one } }));
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}
