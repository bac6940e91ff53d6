// What a server must be prepared for, before it gives a base backup or its log, and how it is.

import { errorLine } from './client-error.ts';

/** What a server says that is not prepared for it, and what to do then. */
const preparations: readonly (readonly [said: RegExp, expected: string, hint: string])[] = [
  [
    /permission denied to start WAL sender|must be superuser or replication role|permission denied to (use|create) replication slots?|role with the REPLICATION attribute/i,
    'a role that may replicate',
    'as a superuser: ALTER ROLE <name> REPLICATION',
  ],
  [
    /no pg_hba\.conf entry for replication|pg_hba\.conf rejects replication/,
    'an entry for replication in pg_hba.conf',
    "add a line 'host replication <role> <address> scram-sha-256' (or 'local replication …') before any that rejects it, then SELECT pg_reload_conf()",
  ],
  [
    /WAL level not sufficient|wal_level.*minimal|slots can only be used if "?wal_level/i,
    'wal_level = replica',
    "ALTER SYSTEM SET wal_level = 'replica'; then restart the server",
  ],
  [
    /max_wal_senders|number of requested standby connections/,
    'a free WAL sender',
    "ALTER SYSTEM SET max_wal_senders = 10; where wal_level is minimal, ALTER SYSTEM SET wal_level = 'replica', too: else the server does not start; then restart it",
  ],
  [
    /all replication slots are in use|slots can only be used if "?max_replication_slots/i,
    'a free replication slot',
    "SELECT * FROM pg_replication_slots shows who has them, SELECT pg_drop_replication_slot('…') frees one that nobody needs; or ALTER SYSTEM SET max_replication_slots = 10, then restart the server",
  ],
  [
    /incompatible server version|server version.*not supported/i,
    "client programs of the server's major version or newer",
    'install the newer client (Debian: postgresql-client-NN); a base backup can be taken inside the container: --container NAME',
  ],
];

/** What to do about a server that gives neither, by its words. @returns `undefined` where it is prepared, and something else is wrong. */
export function preparationFor(
  stderr: string,
): { readonly expected: string; readonly found: string; readonly hint: string } | undefined {
  const preparation = preparations.find(([pattern]) => pattern.test(stderr));
  if (preparation === undefined) return undefined;
  const [, expected, hint] = preparation;
  return { expected, found: errorLine(stderr), hint };
}
