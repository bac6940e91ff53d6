// sidecar-expire: retention of sidecars' archives, by the plan of all archives and their holds. Where no new one comes, what is
// there stays: of one that is taken by hand, now and then, that is no fault (sidecarProof).

import { readCatalogue } from '../archive/read-catalogue.ts';
import { readHolds } from '../retention/expire.ts';
import { carryOut, type ExpireOptions } from '../retention/expire-kind.ts';
import { sidecarProof } from '../retention/freshness.ts';
import { keptOf, planRetention } from '../retention/plan.ts';
import { planReadings } from '../retention/readings.ts';
import { eachSource, sourcesOf, throwFailures } from '../retention/sources.ts';
import { ofSidecar } from './kind.ts';

/** Expires what the policy no longer keeps, of every source's sidecar. */
export async function expireSidecars(options: ExpireOptions): Promise<void> {
  const { store, policy, now, rereadPercent = 0, onPlan } = options;
  const failures = await eachSource(await sourcesOf(store, ofSidecar), async (source) => {
    const entries = await readCatalogue(store, source, { kind: ofSidecar });
    const freshnessHours = sidecarProof(entries, policy.freshnessHours)?.limitHours ?? policy.freshnessHours;
    const own = { ...policy, freshnessHours };
    const retention = planRetention(source, entries, own, now, await readHolds(store, source));
    const readings = planReadings(keptOf(retention, entries), { ...policy, rereadPercent }, now);
    const plan = { ...retention, kind: ofSidecar.name, readings };
    await carryOut(ofSidecar, plan, options, async () => {});
    onPlan(plan);
  });
  throwFailures(failures);
}
