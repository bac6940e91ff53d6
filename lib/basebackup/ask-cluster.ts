// What recovery has to know of a cluster, asked of the server itself.

import type { Connection } from '../postgres/connection.ts';
import { query } from '../postgres/programs.ts';
import type { BaseBackupManifest } from './manifest.ts';

export type ClusterAnswer = BaseBackupManifest['cluster'] & {
  /** One that is a folder of the data directory itself has a location that does not begin with a slash. */
  readonly tablespaces: readonly { readonly oid: number; readonly location: string }[];
  /** Of all its databases. */
  readonly bytes: number;
  /** Whether its log goes anywhere: by archive_command, or received by somebody. */
  readonly archives: boolean;
};

const sql = `SELECT (SELECT system_identifier FROM pg_control_system()), current_setting('server_version'),
  current_setting('server_version_num'), (SELECT bytes_per_wal_segment FROM pg_control_init()),
  current_setting('data_checksums'), current_setting('archive_mode') <> 'off'
    OR EXISTS (SELECT FROM pg_replication_slots WHERE slot_type = 'physical' AND active),
  (SELECT sum(pg_database_size(oid)) FROM pg_database WHERE has_database_privilege(oid, 'CONNECT'));
SELECT oid, pg_tablespace_location(oid) FROM pg_tablespace WHERE pg_tablespace_location(oid) <> ''`;

/** @throws {@link OffsiteError} `DATABASE_REFUSED` and what else keeps it from being asked. */
export async function askCluster(connection: Connection, signal?: AbortSignal): Promise<ClusterAnswer> {
  const [row = [], ...rows] = await query(connection, sql, { signal });
  const [systemIdentifier = '', serverVersion = '', number, segmentBytes, checksums, archives, bytes] = row;
  return {
    systemIdentifier,
    serverVersion,
    serverVersionNumber: Number(number),
    segmentBytes: Number(segmentBytes),
    dataChecksums: checksums === 'on',
    archives: archives === 't',
    bytes: Number(bytes),
    tablespaces: rows.map(([oid, location = '']) => ({ oid: Number(oid), location })),
  };
}

export async function serverTime(connection: Connection, signal?: AbortSignal): Promise<Date> {
  const [[seconds] = []] = await query(connection, 'SELECT extract(epoch FROM clock_timestamp())', {
    signal,
  });
  // Up to the next millisecond: none that is earlier by it may pass for later.
  return new Date(Math.ceil(Number(seconds) * 1000));
}
