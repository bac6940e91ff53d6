// A cluster that was recovered, running so that it can be asked: on loopback, by roles of our own, with none of the settings that came
// with it. What is in it may be anybody's, so whoever asks the operator's questions may read and nothing else.

import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { endServer, ownFiles, serverFailed, settingArgs, startOnFreePort } from '../postgres/server.ts';
import type { ServerConnection } from '../postgres/session.ts';
import { connectionTo, tunedSettings, unknownSuperuser } from '../postgres/throwaway.ts';
import { unprivilegedUser } from '../postgres/unprivileged-user.ts';

export type RecoveredServer = {
  readonly superuser: ServerConnection;
  /** Reads every row of every table. */
  readonly reader: ServerConnection;
  log(): string;
  stop(): Promise<void>;
};

/**
 * Starts a recovered cluster that is thrown away afterwards.
 *
 * @param directory - With the cluster in `data`.
 * @param binDir - Where the programs of its major version are.
 * @throws `OffsiteError` `SERVER_FAILED`; it has ended then.
 */
export async function startRecovered(
  binDir: string,
  directory: string,
  major: number,
  signal?: AbortSignal,
): Promise<RecoveredServer> {
  const user = await unprivilegedUser();
  const own = await ownFiles(directory, 'host all all 127.0.0.1/32 scram-sha-256', user);
  // Of ALTER SYSTEM.
  await rm(join(directory, 'data', 'postgresql.auto.conf'), { force: true });
  const settings = { ...tunedSettings, ...own, ...quiet, ...(major >= 17 && { event_triggers: 'off' }) };
  const roles = { superuser: newRole(), reader: newRole() };
  await makeRoles(roles, { binDir, directory, settings });
  const { server, port } = await startOnFreePort(binDir, directory, settings, user, signal);
  return {
    superuser: connectionTo(port, roles.superuser.name, roles.superuser.password),
    reader: connectionTo(port, roles.reader.name, roles.reader.password),
    log: () => server.log(),
    stop: () => endServer(server),
  };
}

const quiet: Readonly<Record<string, string>> = {
  password_encryption: 'scram-sha-256',
  // Prepared transactions came along, and subscriptions.
  max_prepared_transactions: '1000',
  max_logical_replication_workers: '0',
  // Large objects: before 18 there is no right to read all of them.
  lo_compat_privileges: 'on',
};

type Role = { readonly name: string; readonly password: string };

function newRole(): Role {
  return { name: unknownSuperuser(), password: randomBytes(18).toString('base64url') };
}

/** Nobody knows a role of the cluster; a server of one session asks for none, and runs no event trigger. */
async function makeRoles(
  { superuser, reader }: { readonly superuser: Role; readonly reader: Role },
  where: { readonly binDir: string; readonly directory: string; readonly settings: Record<string, string> },
): Promise<void> {
  const { binDir, directory, settings } = where;
  const sql = [
    // Before 17 there is no setting that keeps them from running.
    "UPDATE pg_catalog.pg_event_trigger SET evtenabled = 'D';",
    // Of databases and roles: whose functions are found first, for one.
    'DELETE FROM pg_catalog.pg_db_role_setting;',
    `CREATE ROLE ${superuser.name} LOGIN SUPERUSER PASSWORD '${superuser.password}';`,
    `CREATE ROLE ${reader.name} LOGIN BYPASSRLS PASSWORD '${reader.password}' IN ROLE pg_read_all_data;`,
  ];
  const args = settingArgs({ ...settings, allow_system_table_mods: 'on' });
  const { failed, stderr } = await execa(
    join(binDir, 'postgres'),
    ['--single', '-D', join(directory, 'data'), ...args, 'template1'],
    {
      ...(await unprivilegedUser()),
      cwd: directory,
      env: { LC_ALL: 'C' },
      // A line is a statement.
      input: `${sql.join('\n')}\n`,
      stdout: 'ignore',
      reject: false,
    },
  );
  if (failed || /(ERROR|FATAL|PANIC):/.test(stderr)) throw serverFailed('postgres', stderr);
}
