// Retention of all that a vault holds: the database's archives, the dashboard's, base backups and the log. The cloud's handler and the
// guard run it.

import { expire } from '../retention/expire.ts';
import type { ExpireOptions, Planned } from '../retention/expire-kind.ts';
import { expireLog } from '../retention/expire-log.ts';
import { namesBesides } from '../retention/freshness.ts';
import { expireSidecars } from '../sidecar/expire.ts';

/** Expires what the policy no longer keeps. @throws As {@link expire} does, once everything else is done. */
export async function expireVault(options: ExpireOptions): Promise<void> {
  const reasons: Record<string, string> = {};
  const onPlan = (plan: Planned) => {
    const { source, standstill, kind } = plan;
    if (standstill !== undefined && kind !== 'database')
      reasons[source] = [reasons[source] ?? [], `${namesBesides[kind]}: ${standstill}`].flat().join('; ');
    options.onPlan(plan);
  };
  const besides = Promise.allSettled([
    expireSidecars({ ...options, onPlan }),
    expireLog({ ...options, onPlan }),
  ]);
  const archives = await Promise.allSettled([
    expire(
      options,
      besides.then(() => reasons),
    ),
  ]);
  for (const outcome of [...archives, ...(await besides)])
    if (outcome.status === 'rejected') throw outcome.reason;
}
