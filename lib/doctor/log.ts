// What point-in-time recovery asks of the server, looked at where it is used: settings, rights, and what waits for the vault.

import { exitCodes, OffsiteError } from '../base/errors.ts';
import { type ChildFailure, textOf } from '../base/process.ts';
import { formatBytes, formatDuration, plural } from '../base/quantities.ts';
import { clientError } from '../postgres/client-error.ts';
import type { Connection } from '../postgres/connection.ts';
import { preparationFor } from '../postgres/preparations.ts';
import { clientCommand, query, quoteLiteral } from '../postgres/programs.ts';
import { type Backlog, readBacklog } from '../wal/ship.ts';
import { type Check, failedCheck } from './diagnosis.ts';

export type LogFacts = {
  readonly archiveMode: string;
  readonly walLevel: string;
  readonly archiveCommand: string;
  readonly archiveLibrary: string;
  /** Seconds; 0 is never. */
  readonly archiveTimeout: number;
  /** As `max_slot_wal_keep_size` has it: -1 is no limit. */
  readonly keepsAtMost: string;
  readonly mayReplicate: boolean;
  readonly role: string;
  /** Of the archiver: how often it failed, what it failed at last, and whether nothing was archived since. */
  readonly failures: number;
  readonly lastFailed: string;
  readonly isFailing: boolean;
  /** The slot of this source, where there is one. */
  readonly slot:
    | { readonly isActive: boolean; readonly walStatus: string; readonly keptBytes: number }
    | undefined;
};

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

/** Judges what the server says. */
export function judgeLog(facts: LogFacts, slotName: string): Check[] {
  const { walLevel, mayReplicate, role, slot } = facts;
  const level =
    walLevel === 'minimal'
      ? failed(
          'wal_level',
          'minimal: the log is not enough to recover from',
          "ALTER SYSTEM SET wal_level = 'replica'; then restart the server",
        )
      : passed('wal_level', walLevel);
  const right = mayReplicate
    ? passed('replication', `role ${role} may replicate`)
    : failed(
        'replication',
        `role ${role} may not replicate: no base backup, no wal receive`,
        `ALTER ROLE "${role}" REPLICATION`,
      );
  const ways = slot === undefined ? judgeArchiving(facts) : judgeSlot(facts, slot, slotName);
  return [level, ...ways, right];
}

function judgeArchiving(facts: LogFacts): Check[] {
  const { archiveMode, archiveCommand, archiveLibrary, archiveTimeout, failures, lastFailed, isFailing } =
    facts;
  if (archiveMode === 'off')
    return [
      failed(
        'archive_mode',
        'off, and no replication slot of ours: the log goes nowhere',
        "ALTER SYSTEM SET archive_mode = 'on'; then restart the server; or run 'offsite wal receive', which needs none",
      ),
    ];
  const isSet = !['', '(disabled)'].includes(archiveCommand) || archiveLibrary !== '';
  const isSafe = /offsite|\btest (!|-)|pgbackrest|barman|wal-g/.test(archiveCommand) || archiveLibrary !== '';
  const command = !isSet
    ? failed(
        'archive_command',
        'empty: the log piles up in pg_wal',
        "set what 'offsite wal archive-command --dir DIR' prints, or 'offsite wal push %p', then SELECT pg_reload_conf()",
      )
    : isSafe
      ? passed('archive_command', archiveLibrary || archiveCommand)
      : warned(
          'archive_command',
          `${archiveCommand}: it may give a segment that is cut, or write over one`,
          "set what 'offsite wal archive-command --dir DIR' prints, then SELECT pg_reload_conf()",
        );
  const timeout =
    archiveTimeout > 0
      ? passed('archive_timeout', `${archiveTimeout} s`)
      : warned(
          'archive_timeout',
          '0: a quiet server ships a segment in hours',
          "ALTER SYSTEM SET archive_timeout = '60s'; SELECT pg_reload_conf()",
        );
  const archiver = isFailing
    ? failed(
        'archiver',
        `failed ${plural(failures, 'time')}, last with ${lastFailed}, and none was archived since`,
        "SELECT last_failed_wal, last_failed_time FROM pg_stat_archiver; the server's log says why",
      )
    : passed(
        'archiver',
        failures === 0 ? 'never failed' : `failed ${plural(failures, 'time')} before, and goes on`,
      );
  return [passed('archive_mode', archiveMode), command, timeout, archiver];
}

function judgeSlot(
  { keepsAtMost }: LogFacts,
  slot: NonNullable<LogFacts['slot']>,
  slotName: string,
): Check[] {
  const kept = `keeps ${formatBytes(slot.keptBytes)}`;
  const limit =
    keepsAtMost === '-1'
      ? warned(
          'slot limit',
          'max_slot_wal_keep_size is -1: while nothing is received, the log fills the disk and stops the server',
          "ALTER SYSTEM SET max_slot_wal_keep_size = '20GB'; SELECT pg_reload_conf(): of what the disk has, as much as hours of yours write",
        )
      : passed('slot limit', `max_slot_wal_keep_size is ${keepsAtMost}`);
  if (slot.walStatus === 'lost' || slot.walStatus === 'unreserved')
    return [
      failed(
        'slot',
        `${slotName} is ${slot.walStatus}: the server removes log that was not received`,
        `run 'offsite wal receive' and see what it says; if it is lost: SELECT pg_drop_replication_slot('${slotName}'), and take a base backup`,
      ),
      limit,
    ];
  const received = slot.isActive
    ? passed('slot', `${slotName} is received from, ${kept}`)
    : failed(
        'slot',
        `nobody receives from ${slotName}; the server ${kept} for it`,
        `run 'offsite wal receive'; or, if it is not wanted any more: SELECT pg_drop_replication_slot('${slotName}')`,
      );
  return [received, limit];
}

/** Judges what waits for the vault. @param backlog - `undefined` for a folder that cannot be read. */
export function judgeBacklog(folder: string, backlog: Backlog | undefined, now: Date): Check {
  if (backlog === undefined)
    return warned(
      'backlog',
      `${folder} cannot be read here`,
      'name the folder as this host has it: --wal-dir DIR, and let this user read it',
    );
  const { files, bytes, since } = backlog;
  if (since === undefined) return passed('backlog', `nothing waits in ${folder}`);
  const ageMs = now.getTime() - since.getTime();
  const found = `${plural(files, 'file')} wait in ${folder}: ${formatBytes(bytes)}, the oldest for ${formatDuration(ageMs)}`;
  return ageMs < waitsAtMostMs
    ? passed('backlog', found)
    : failed('backlog', found, `is it shipped? offsite wal ship --dir ${folder} --follow`);
}

const waitsAtMostMs = 10 * 60_000;

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
  try {
    await textOf(command, { errorOf, signal });
    return passed(name, 'this host may connect for replication');
  } catch (error) {
    if (error instanceof OffsiteError && error.code !== 'INTERRUPTED') return failedCheck(name, error);
    throw error;
  }
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

const passed = (name: string, found: string): Check => ({ name, outcome: 'pass', found });
const warned = (name: string, found: string, advice: string): Check => ({
  name,
  outcome: 'warn',
  found,
  advice,
});
const failed = (name: string, found: string, advice: string): Check => ({
  name,
  outcome: 'fail',
  found,
  advice,
  exitCode: exitCodes.dump,
});
