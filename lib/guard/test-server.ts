// Where the guard's restore tests restore: in a server made for it, by this machine's programs or by Docker; or in one that
// the operator names, which is as it was afterwards.

import { OffsiteError } from '../base/errors.ts';
import { findProgram } from '../base/find-program.ts';
import { connectionFromUrl } from '../postgres/connection.ts';
import { findPostgresPrograms, quoteIdentifier } from '../postgres/programs.ts';
import { ask, type ServerConnection } from '../postgres/session.ts';
import { startThrowawayPostgres, type ThrowawayPostgres, unknownSuperuser } from '../postgres/throwaway.ts';
import { probeDocker, startContainerPostgres } from '../postgres/throwaway-container.ts';
import { database } from '../restore-test/load.ts';
import type { GuardSettings } from '../settings/guard.ts';

export type TestServer = {
  /** `PostgreSQL of this machine` */
  readonly what: string;
  readonly start: () => Promise<ThrowawayPostgres>;
  /** Whether it could be started. @throws {@link OffsiteError} Why not. */
  readonly probe?: () => Promise<unknown>;
};

/**
 * Finds what a restore test can restore into.
 *
 * @throws {@link OffsiteError} `PROGRAM_MISSING` if there is nothing.
 */
export function findTestServer(
  { restoreUrl, postgresMajor }: Pick<GuardSettings, 'restoreUrl' | 'postgresMajor'>,
  signal?: AbortSignal,
): TestServer {
  if (restoreUrl !== undefined)
    return {
      what: `the server at ${new URL(restoreUrl).host}`,
      start: () => lendServer(restoreUrl),
      probe: () => ask(connectionFromUrl(restoreUrl) as ServerConnection, 'SELECT 1'),
    };
  const superuser = unknownSuperuser();
  const binDir = findPostgresPrograms();
  if (binDir !== undefined)
    return {
      what: `a throw-away server of ${binDir}`,
      start: () => startThrowawayPostgres({ binDir, tuned: true, superuser, signal }),
    };
  const image = `postgres:${postgresMajor}`;
  if (findProgram('docker') !== undefined)
    return {
      what: `a throw-away container of ${image}`,
      start: () => startContainerPostgres({ image, superuser, signal }),
      probe: () => probeDocker(image),
    };
  throw new OffsiteError('PROGRAM_MISSING', 'there is nothing that a restore test could restore into', {
    expected: 'initdb and postgres (PATH or /usr/lib/postgresql/*/bin), or docker, or restoreUrl',
    found: 'none of them',
    hint: 'install PostgreSQL on this machine (Debian, Ubuntu: apt-get install postgresql), or set restoreUrl (docs/guard.md)',
  });
}

/** A server that goes on running: what the test has made in it goes. */
async function lendServer(url: string): Promise<ThrowawayPostgres> {
  const connection = connectionFromUrl(url) as ServerConnection;
  const named = (sql: string) => ask(connection, sql).then((rows) => rows.map(([name = '']) => name));
  const roles = () => named('SELECT rolname FROM pg_roles');
  if ((await named('SELECT datname FROM pg_database')).includes(database))
    throw new OffsiteError('DATABASE_EXISTS', `the server of restoreUrl has a database ${database}`, {
      expected: `none: a restore test makes it, and takes it away`,
      found: 'one that is there',
      hint: `if nobody needs it (a test that was killed leaves it): DROP DATABASE ${database} WITH (FORCE)`,
    });
  const before = new Set(await roles());
  let stopping: Promise<void> | undefined;
  const giveBack = async (): Promise<void> => {
    await ask(connection, `DROP DATABASE IF EXISTS ${quoteIdentifier(database)} WITH (FORCE)`);
    const made = (await roles()).filter((name) => !before.has(name));
    if (made.length > 0) await ask(connection, `DROP ROLE ${made.map(quoteIdentifier).join(', ')}`);
  };
  return {
    connection,
    port: Number(connection.env.PGPORT ?? 5432),
    directory: '',
    log: () => '',
    stop() {
      stopping ??= giveBack();
      return stopping;
    },
  };
}
