// Retention of all that a vault holds: the database's archives and the dashboard's. The cloud's handler and the guard run it.

import { type ExpireOptions, expire } from '../retention/expire.ts';
import type { RetentionPlan } from '../retention/plan.ts';
import { expireSidecars } from '../sidecar/expire.ts';

export type ExpireVaultOptions = ExpireOptions & {
  /** Is given the plan of each source's sidecar once it was carried out. */
  readonly onSidecarPlan: (plan: RetentionPlan) => void;
};

/**
 * Expires what the policy no longer keeps.
 *
 * @throws As {@link expire} does, once everything else is done.
 */
export async function expireVault({ onSidecarPlan, ...options }: ExpireVaultOptions): Promise<void> {
  const reasons: Record<string, string> = {};
  const sidecars = expireSidecars({
    ...options,
    onPlan: (plan) => {
      if (plan.standstill !== undefined)
        reasons[plan.source] = `the dashboard's archives: ${plan.standstill}`;
      onSidecarPlan(plan);
    },
  });
  const standsStillBesides = sidecars.then(
    () => reasons,
    () => reasons,
  );
  const outcomes = await Promise.allSettled([expire({ ...options, standsStillBesides }), sidecars]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
