// The replication slot by which a server keeps its log until it was received.

import type { Connection } from '../postgres/connection.ts';
import { query, quoteLiteral } from '../postgres/programs.ts';
import { type Lsn, parseLsn } from './segment.ts';

export type Slot = {
  readonly kind: 'physical' | 'logical';
  /** From where on the server keeps its log for it. */
  readonly keepsFrom: Lsn | undefined;
  /** As Postgres has it: reserved, extended, unreserved, lost. */
  readonly walStatus: string;
};

export type LogServer = {
  readonly systemIdentifier: string;
  readonly segmentBytes: number;
  /** Up to where there is log. */
  readonly position: Lsn;
  readonly slot: Slot | undefined;
};

/** @throws What {@link query} throws. */
export async function askLogServer(
  connection: Connection,
  slotName: string,
  signal?: AbortSignal,
): Promise<LogServer> {
  const [row = []] = await query(connection, logServerSql(slotName), { signal });
  const [systemIdentifier = '', segmentBytes, position = '', kind = '', keepsFrom = '', walStatus = ''] = row;
  return {
    systemIdentifier,
    segmentBytes: Number(segmentBytes),
    position: parseLsn(position) ?? 0n,
    slot: kind === '' ? undefined : { kind: kind as Slot['kind'], keepsFrom: parseLsn(keepsFrom), walStatus },
  };
}

const logServerSql = (slotName: string) => `
SELECT (SELECT system_identifier FROM pg_control_system()), (SELECT bytes_per_wal_segment FROM pg_control_init()),
  CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
       ELSE pg_current_wal_flush_lsn() END,
  slot_type, restart_lsn, wal_status
FROM (VALUES (1)) AS one LEFT JOIN pg_replication_slots ON slot_name = ${quoteLiteral(slotName)}`;

/** Creates a slot that keeps the log from now on. @throws What {@link query} throws. */
export async function createSlot(
  connection: Connection,
  slotName: string,
  signal?: AbortSignal,
): Promise<void> {
  const sql = `SELECT pg_create_physical_replication_slot(${quoteLiteral(slotName)}, true)`;
  await query(connection, sql, { signal });
}

/**
 * Drops a slot, so that the server keeps nothing for it any more; waits up to five seconds for who received from it to be gone.
 *
 * @throws What {@link query} throws.
 */
export async function dropSlot(
  connection: Connection,
  slotName: string,
  signal?: AbortSignal,
): Promise<void> {
  const sql = `DO $$ BEGIN FOR attempt IN 1..50 LOOP BEGIN
  PERFORM pg_drop_replication_slot(${quoteLiteral(slotName)}); RETURN;
EXCEPTION WHEN object_in_use THEN IF attempt = 50 THEN RAISE; END IF; PERFORM pg_sleep(0.1); END; END LOOP; END $$`;
  await query(connection, sql, { signal });
}

/** The name of a source's slot, where none is said. */
export function slotOf(source: string): string {
  return `offsite_${source.replaceAll('-', '_')}`;
}
