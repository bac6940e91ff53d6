// What point-in-time recovery asks of the server, looked at where it is used: settings, rights, and what waits for the vault.

import { OffsiteError } from '../base/errors.ts';
import { type ChildFailure, textOf } from '../base/process.ts';
import { clientError } from '../postgres/client-error.ts';
import type { Connection } from '../postgres/connection.ts';
import { preparationFor } from '../postgres/preparations.ts';
import { clientCommand, query, quoteLiteral } from '../postgres/programs.ts';
import { readBacklog } from '../wal/ship.ts';
import { attempt } from './attempt.ts';
import { type Check, passed } from './diagnosis.ts';
import { judgeBacklog, judgeLog, type LogFacts } from './judge-log.ts';

export type LogOptions = {
  readonly connection: Connection;
  readonly slotName: string;
  /** Where log waits for the vault on this host; by default where archive_command puts it. */
  readonly folder: string | undefined;
  /** Whether it is asked for, though nothing of it is set up yet. */
  readonly isWanted: boolean;
  readonly signal?: AbortSignal | undefined;
};

/** @returns Nothing where the server's log goes nowhere, and nobody asks. */
export async function examineLog(options: LogOptions): Promise<Check[]> {
  const { connection, slotName, signal } = options;
  const facts = await askLogFacts(connection, slotName, signal);
  const folder = options.folder ?? folderIn(facts.archiveCommand);
  const isUsed =
    facts.slot !== undefined || folder !== undefined || /\boffsite wal\b/.test(facts.archiveCommand);
  if (!isUsed && !options.isWanted) return [];
  const backlog = folder === undefined ? undefined : await readBacklog(folder).catch(() => undefined);
  return [
    ...judgeLog(facts, slotName),
    await examineReplication(connection, signal),
    ...(folder === undefined ? [] : [judgeBacklog(folder, backlog, new Date())]),
  ];
}

/** What pg_hba.conf says is seen by connecting as pg_basebackup and pg_receivewal do. */
async function examineReplication(connection: Connection, signal?: AbortSignal): Promise<Check> {
  const name = 'pg_hba.conf';
  const args = ['-X', '-A', '-t', '-c', 'IDENTIFY_SYSTEM'];
  const command =
    connection.via === 'container'
      ? clientCommand(connection, 'psql', [...args, '-d', 'replication=true'])
      : clientCommand(
          { ...connection, parameters: { ...connection.parameters, replication: 'true' } },
          'psql',
          args,
        );
  const errorOf = (failure: ChildFailure) => {
    const preparation = preparationFor(failure.stderr);
    return preparation === undefined
      ? clientError(connection, 'psql', failure)
      : new OffsiteError('DATABASE_REFUSED', 'no connection for replication', preparation);
  };
  return attempt(name, async () => {
    await textOf(command, { errorOf, signal });
    return passed(name, 'this host may connect for replication');
  });
}

async function askLogFacts(
  connection: Connection,
  slotName: string,
  signal?: AbortSignal,
): Promise<LogFacts> {
  const [row = []] = await query(connection, logFactsSql(slotName), { signal });
  const [
    archiveMode = '',
    walLevel = '',
    archiveCommand = '',
    archiveLibrary = '',
    timeout,
    keepsAtMost = '',
  ] = row;
  const [, , , , , , role = '', may, failures, lastFailed = '', failing, active = '', walStatus = '', kept] =
    row;
  return {
    archiveMode,
    walLevel,
    archiveCommand,
    archiveLibrary,
    archiveTimeout: Number(timeout),
    keepsAtMost,
    role,
    mayReplicate: may === 't',
    failures: Number(failures),
    lastFailed,
    isFailing: failing === 't',
    slot: active === '' ? undefined : { isActive: active === 't', walStatus, keptBytes: Number(kept) },
  };
}

const logFactsSql = (slotName: string) => `
SELECT current_setting('archive_mode'), current_setting('wal_level'), current_setting('archive_command'),
  current_setting('archive_library', true),
  (SELECT setting FROM pg_settings WHERE name = 'archive_timeout'), current_setting('max_slot_wal_keep_size'),
  current_user, (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user),
  failed_count, last_failed_wal, coalesce(last_failed_time > last_archived_time, last_failed_time IS NOT NULL),
  active, wal_status,
  pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)
FROM pg_stat_archiver LEFT JOIN pg_replication_slots ON slot_name = ${quoteLiteral(slotName)}`;

/** Where the archive_command that we print puts the log. */
function folderIn(archiveCommand: string): string | undefined {
  return /^if test -e ([^\s'"]+)\/%f;/.exec(archiveCommand)?.[1]?.replaceAll('%%', '%');
}
