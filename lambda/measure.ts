// Figures for CloudWatch, written to the log in the embedded metric format: nothing is sent, and nothing can fail. Each is
// paid for, so that they are written only where `monitoring` is `full`.

import { Metrics } from '@aws-lambda-powertools/metrics';
import { rowsOf, totalRows } from '../lib/archive/inventory.ts';
import { countedTable, type Verdict } from '../lib/archive/verdict.ts';
import { environmentNames } from '../lib/deployment/environment.ts';
import { type MetricId, metricNamespace, metrics } from '../lib/deployment/metrics.ts';

const writer = new Metrics({
  namespace: metricNamespace,
  serviceName: process.env[environmentNames.service] ?? 'offsite',
});

/** Writes one figure, of a source or of the worst of all; an absent figure stays absent. */
export function measure(id: MetricId, value: number | undefined, source?: string): void {
  if (value === undefined || process.env[environmentNames.monitoring] !== 'full') return;
  const { name, unit } = metrics[id];
  const one = writer.singleMetric();
  // The dimension `service` is there by itself.
  if (source !== undefined) one.addDimension('source', source);
  one.addMetric(name, unit, value);
}

/** Writes what is known of an archive that was verified just now. */
export function measureVerdict(verdict: Verdict): void {
  const { source } = verdict;
  for (const name of ['intact', 'damaged', 'incomplete', 'suspicious', 'missing'] as const) {
    measure(name, verdict.verdict === name ? 1 : 0, source);
  }
  measure('verifyDuration', verdict.durationMs, source);
  // Of bytes that are not the agent's, the figures would draw a line that means nothing.
  if (!('inventory' in verdict)) return;
  measure('plainBytes', verdict.plainBytes, source);
  measure('compressedBytes', verdict.compressedBytes, source);
  measure('rows', totalRows(verdict.inventory), source);
  measure('torrents', rowsOf(verdict.inventory, countedTable) ?? 0, source);
}
