// Makes the database that the rehearsal and the tests back up: shaped like BitAgent's, invented, and the same rows
// each time.

import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { clientError } from '../../postgres/client-error.ts';
import type { Connection } from '../../postgres/connection.ts';
import { clientCommand, query, quoteIdentifier, quoteLiteral } from '../../postgres/programs.ts';

export type CorpusOptions = {
  readonly torrents: number;
  /** Adds 12 torrents whose texts break naive readers of dumps. */
  readonly edge?: boolean | undefined;
  /** Of the one large object, in KiB; 1,024 when not given. */
  readonly bloomKib?: number | undefined;
  /** Default `bitmagnet`, as in BitAgent's Compose file. */
  readonly database?: string | undefined;
  /** Age zero of the rows. */
  readonly asof?: Date | undefined;
  readonly binDir?: string | undefined;
};

const owner = 'bitmagnet';
const corpusFile = fileURLToPath(new URL('./corpus.sql', import.meta.url));

/**
 * Creates role and database `bitmagnet` and loads the synthetic corpus as that role.
 *
 * @param connection - As a superuser.
 * @returns The connection of the role that owns the database, as BitAgent itself would use it.
 * @throws `OffsiteError` as {@link query}; a half-loaded database remains.
 */
export async function loadCorpus(connection: Connection, options: CorpusOptions): Promise<Connection> {
  const database = options.database ?? owner;
  const password = randomBytes(18).toString('base64url');
  const roles = await query(connection, `SELECT 1 FROM pg_roles WHERE rolname = ${quoteLiteral(owner)}`, {
    binDir: options.binDir,
  });
  await query(
    connection,
    `${roles.length === 0 ? 'CREATE' : 'ALTER'} ROLE ${quoteIdentifier(owner)} LOGIN PASSWORD ${quoteLiteral(password)};
     CREATE DATABASE ${quoteIdentifier(database)} OWNER ${quoteIdentifier(owner)} TEMPLATE template0 ENCODING 'UTF8'`,
    { binDir: options.binDir },
  );
  const asOwner = connectionAs(connection, password, database);
  const variables = {
    n: String(options.torrents),
    edge: options.edge ? '1' : '0',
    bloom_kib: String(options.bloomKib ?? 1024),
    asof: (options.asof ?? new Date('2026-11-22T03:00:00Z')).toISOString(),
  };
  const args = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
  const command = clientCommand(asOwner, 'psql', ['-X', '-q', ...args, '-f', '-'], options);
  const result = await execa(command.program, command.args, {
    env: command.env,
    extendEnv: false,
    inputFile: corpusFile,
    stdout: 'ignore',
    reject: false,
  });
  if (result.failed) throw clientError(asOwner, 'psql', { ...result, startError: result.code }, database);
  return asOwner;
}

function connectionAs(connection: Connection, password: string, database: string): Connection {
  if (connection.via === 'container') return { ...connection, user: owner, password, database };
  const own = { PGUSER: owner, PGPASSWORD: password, PGDATABASE: database };
  return { via: 'server', env: { ...connection.env, ...own } };
}
