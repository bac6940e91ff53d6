// Retention of all that a vault holds: the database's archives, the dashboard's, base backups and the log. The cloud's handler and the
// guard run it.

import { type ExpireOptions, expire } from '../retention/expire.ts';
import type { KindPlan } from '../retention/expire-kind.ts';
import { expireLog, type LogPlan } from '../retention/expire-log.ts';
import { namesBesides } from '../retention/freshness.ts';
import type { RetentionPlan } from '../retention/plan.ts';
import { expireSidecars } from '../sidecar/expire.ts';

export type ExpireVaultOptions = ExpireOptions & {
  /** Is given the plan of each source's sidecar once it was carried out. */
  readonly onSidecarPlan: (plan: KindPlan) => void;
  /** Of its base backups, with what goes of the log. */
  readonly onLogPlan: (plan: LogPlan) => void;
};

/** Expires what the policy no longer keeps. @throws As {@link expire} does, once everything else is done. */
export async function expireVault({
  onSidecarPlan,
  onLogPlan,
  ...options
}: ExpireVaultOptions): Promise<void> {
  const reasons: Record<string, string> = {};
  const noting =
    <Plan extends RetentionPlan>(what: string, onPlan: (plan: Plan) => void) =>
    (plan: Plan) => {
      if (plan.standstill !== undefined)
        reasons[plan.source] = [reasons[plan.source] ?? [], `${what}: ${plan.standstill}`].flat().join('; ');
      onPlan(plan);
    };
  const besides = Promise.allSettled([
    expireSidecars({ ...options, onPlan: noting(namesBesides.sidecar, onSidecarPlan) }),
    expireLog({ ...options, onPlan: noting(namesBesides.baseBackups, onLogPlan) }),
  ]);
  const standsStillBesides = besides.then(() => reasons);
  const archives = await Promise.allSettled([expire({ ...options, standsStillBesides })]);
  const outcomes = [...archives, ...(await besides)];
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
