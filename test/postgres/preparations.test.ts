import { expect, it } from 'vitest';
import { preparationFor } from '../../lib/postgres/preparations.ts';

// As servers of 13 to 18 say it.
it.each([
  ['FATAL:  must be superuser or replication role to start walsender', 'REPLICATION'],
  ['FATAL:  permission denied to start WAL sender', 'REPLICATION'],
  [
    'FATAL:  no pg_hba.conf entry for replication connection from host "10.0.0.1", user "u"',
    'host replication',
  ],
  [
    'FATAL:  pg_hba.conf rejects replication connection for host "[local]", user "u"',
    'before any that rejects',
  ],
  [
    'FATAL:  number of requested standby connections exceeds max_wal_senders (currently 0)',
    'max_wal_senders',
  ],
  [
    'FATAL:  number of requested standby connections exceeds "max_wal_senders" (currently 0)',
    'does not start',
  ],
  ['ERROR:  WAL level not sufficient for making an online backup', "wal_level = 'replica'"],
  ['ERROR:  replication slots can only be used if wal_level >= replica', "wal_level = 'replica'"],
  ['ERROR:  replication slots can only be used if "wal_level" >= "replica"', "wal_level = 'replica'"],
  ['ERROR:  replication slots can only be used if max_replication_slots > 0', 'max_replication_slots'],
  ['ERROR:  all replication slots are in use', 'pg_drop_replication_slot'],
])('%s: says what to do', (said, hint) => {
  expect(preparationFor(`pg_basebackup: error: ${said}\n`)?.hint).toContain(hint);
});

it('of what is no matter of preparation it says nothing', () => {
  expect(preparationFor('FATAL:  password authentication failed for user "u"')).toBeUndefined();
});
