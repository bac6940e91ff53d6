// Tells of a back-up beyond the terminal: when it begins, and how it ended. Nothing of this ever fails it, or holds it up for
// longer than a limit.

import { sourcePattern } from '../../lib/archive/names.ts';
import { describeError, exitCodeOf } from '../../lib/base/errors.ts';
import { metricsOfFailure, metricsOfSuccess } from '../../lib/nightly/metrics.ts';
import { writeMetrics } from '../../lib/nightly/metrics-file.ts';
import { type Night, noticesOf } from '../../lib/nightly/night.ts';
import { sendNotices, usualLimits } from '../../lib/nightly/send.ts';
import type { ArchiveFigures } from '../../lib/settings/agent-state.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { saidLines, tell as say, warn } from './print.ts';

/** For the collector, where there is one. */
async function note(
  { metricsFile, source }: { readonly metricsFile?: string | undefined; readonly source: string },
  metricsAfter: Parameters<typeof writeMetrics>[2],
): Promise<void> {
  if (metricsFile !== undefined) warn(await writeMetrics(metricsFile, source, metricsAfter));
}

/** A host that shuts down grants no more. */
const interruptedLimits = { ...usualLimits, attemptMs: 1500, allMs: 1500 };

/**
 * Tells of a night that cannot begin, as far as flags and environment say whom: the settings cannot be used.
 *
 * @throws The error.
 */
export async function tellOfNoNight(
  error: unknown,
  flags: Readonly<Record<string, unknown>>,
): Promise<never> {
  const { env } = process;
  const named = (flag: unknown, variable: string | undefined) => (flag ?? variable) as string | undefined;
  const urlOf = (text: string | undefined) => (text !== undefined && URL.canParse(text) ? text : undefined);
  const said = named(flags.source, env.OFFSITE_SOURCE) ?? '';
  // A name that is refused would break the file of metrics for all sources.
  const source = sourcePattern.test(said) ? said : 'bitagent';
  const metricsFile = named(flags.metricsFile, env.OFFSITE_METRICS_FILE);
  const failure = { exitCode: exitCodeOf(error), durationMs: 0 };
  await note({ metricsFile, source }, (before) => metricsOfFailure(failure, new Date(), before, undefined));
  const receivers = {
    pingUrl: urlOf(named(flags.pingUrl, env.OFFSITE_PING_URL)),
    ntfyUrl: urlOf(named(flags.ntfyUrl, env.OFFSITE_NTFY_URL)),
    webhookUrl: urlOf(named(flags.webhookUrl, env.OFFSITE_WEBHOOK_URL)),
  };
  const night: Night = { outcome: 'failed', source, log: describeError(error), ...failure };
  for (const sentence of await sendNotices(noticesOf(night, receivers))) warn(sentence);
  throw error;
}

/**
 * @param last - The last archive that the agent knew of, for what a failure says.
 * @param run - Gives the figures of what was stored.
 * @throws What `run` throws, once that is told.
 */
export async function tellOfNight(
  settings: Settings,
  signal: AbortSignal,
  last: ArchiveFigures | undefined,
  run: () => Promise<ArchiveFigures>,
): Promise<void> {
  const { source } = settings;
  const began = performance.now();
  const over = new AbortController();
  const beginning = noticesOf({ outcome: 'begun', source, durationMs: 0, log: '' }, settings);
  const starting = sendNotices(beginning, usualLimits, over.signal);
  const tell = async (night: Night): Promise<void> => {
    // Whoever has not heard of the beginning must not hear of it after the end.
    over.abort();
    await starting;
    const notices = noticesOf(night, settings);
    for (const said of await sendNotices(notices, signal.aborted ? interruptedLimits : usualLimits))
      warn(said);
  };
  try {
    const { id, plainBytes, compressedBytes, durationMs } = await run();
    const figures = { id, plainBytes, compressedBytes, durationMs };
    await note(settings, () => metricsOfSuccess(figures, new Date()));
    await tell({
      outcome: 'stored',
      source,
      durationMs,
      log: saidLines(),
      stored: { id, plainBytes, compressedBytes },
    });
  } catch (thrown) {
    const error = signal.aborted ? signal.reason : thrown;
    const safe =
      last === undefined ? 'what was stored before is' : `${last.id} and what was stored before it are`;
    say(`offsite: ${safe} as before; this run changed nothing of it`);
    const failure = { exitCode: exitCodeOf(error), durationMs: Math.round(performance.now() - began) };
    await note(settings, (before) => metricsOfFailure(failure, new Date(), before, last));
    const log = [saidLines(), describeError(error)].filter((text) => text !== '').join('\n');
    await tell({ outcome: 'failed', source, log, ...failure });
    throw thrown;
  }
}
