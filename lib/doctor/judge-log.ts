// What the server says of its log, judged: each thing that keeps points from being recovered, with the statement to run.

import { formatBytes, formatDuration, plural } from '../base/quantities.ts';
import type { Backlog } from '../wal/ship.ts';
import { type Check, failed, passed, warned } from './diagnosis.ts';

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
