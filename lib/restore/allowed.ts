// What a server would refuse when all is downloaded, or when the old database is gone already: asked before anything is begun.

import { OffsiteError } from '../base/errors.ts';
import { type Connection, describeConnection } from '../postgres/connection.ts';
import { refusalHint } from '../postgres/hints.ts';
import { quoteIdentifier, quoteLiteral } from '../postgres/programs.ts';
import type { Run } from './server.ts';

type Wanted = {
  readonly database: string;
  readonly how: 'swap' | 'beside' | 'replace';
  readonly connection: Connection;
  readonly warn: (sentence: string) => void;
};

/** Names are as they are, but for a list of them; nothing is the empty text. */
const askSql = (database: string) => `
  SELECT pg_is_in_recovery(), r.rolsuper OR r.rolcreatedb, r.rolname,
    (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = ${database} AND NOT pg_has_role(datdba, 'USAGE')),
    (SELECT string_agg(quote_ident(subname), ', ' ORDER BY subname) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE datname = ${database}),
    (SELECT string_agg(slot_name, ', ' ORDER BY slot_name) FROM pg_replication_slots WHERE database = ${database}),
    (SELECT string_agg(DISTINCT application_name, ', ') FROM pg_stat_replication
     WHERE EXISTS (SELECT FROM pg_database WHERE datname = ${database}) AND application_name !~ '^pg_(basebackup|receivewal)' AND pid NOT IN (SELECT active_pid FROM pg_replication_slots WHERE slot_type = 'logical' AND active))
  FROM pg_roles r WHERE r.rolname = current_user`;

/**
 * @param wanted - Its `warn` is told what those lose or get that follow the database by replication.
 * @throws {@link OffsiteError} `DATABASE_REFUSED`, with what to run; `DATABASE_IN_USE`.
 */
export async function assertAllowed(run: Run, wanted: Wanted): Promise<void> {
  const { database, how, connection, warn } = wanted;
  const [row = []] = await run(askSql(quoteLiteral(database)));
  const [isStandby, mayMake, role = '', otherOwner, subscriptions, slots, standbys] = row;
  const where = describeConnection(connection);
  const refuse = (message: string, expected: string, found: string, hint: string) => {
    throw new OffsiteError('DATABASE_REFUSED', message, { expected, found, hint });
  };
  if (isStandby === 't')
    refuse(
      'the server is a standby: nothing can be restored into it',
      `a server that takes what is written: ${where}`,
      'one that follows another (pg_is_in_recovery)',
      refusalHint('during recovery'),
    );
  if (mayMake === 'f')
    refuse(
      `${role} may not make databases`,
      `a role that may: ${where}`,
      `${role} without CREATEDB`,
      `as a superuser: ALTER ROLE ${quoteIdentifier(role)} CREATEDB; then run the same command again, or connect as one`,
    );
  if (how === 'beside') return;
  if (otherOwner)
    refuse(
      `${role} may neither rename nor drop ${database}`,
      `its owner, ${otherOwner}, or a role that may act for it: ${where}`,
      role,
      `as a superuser: GRANT ${quoteIdentifier(otherOwner)} TO ${quoteIdentifier(role)}; or connect as ${otherOwner}; or restore beside it: --beside`,
    );
  if (how === 'replace' && subscriptions)
    refuse(
      `${database} has subscriptions: it cannot be dropped`,
      'no subscription in a database that is to be dropped (--replace)',
      subscriptions,
      `keep it (without --replace), or end each of them in ${database}: ALTER SUBSCRIPTION … DISABLE; ALTER SUBSCRIPTION … SET (slot_name = NONE); DROP SUBSCRIPTION …`,
    );
  if (how === 'replace') await assertFirst(run, database);
  if (slots)
    warn(
      `${database} has logical replication slots (${slots}): ${how === 'replace' ? 'they are dropped with it' : 'they stay with what is there now, and hold the server’s log back until they are dropped (pg_drop_replication_slot)'}; whoever reads them gets nothing of the restored one until it has its own`,
    );
  if (standbys)
    warn(
      `other servers follow this one (${standbys}): they get the restored ${database}, too; whoever is connected there has to connect again`,
    );
}

/** Two that drop and make one name would each take the other's for what it is to drop. It holds as long as the session that asks. */
async function assertFirst(run: Run, database: string): Promise<void> {
  const key = quoteLiteral(`offsite restore --replace ${database}`);
  const [row] = await run(`SELECT pg_try_advisory_lock(hashtextextended(${key}, 0))`);
  if (row?.[0] === 't') return;
  throw new OffsiteError('DATABASE_IN_USE', `another restore replaces ${database} right now`, {
    expected: 'one restore at a time that drops it (--replace)',
    found: 'a session that has its lock (pg_locks, locktype advisory)',
    hint: `wait for its end, look at the ${database} that is there then, and if it is not yours, run the same command again`,
  });
}
