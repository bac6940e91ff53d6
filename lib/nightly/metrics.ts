// Prometheus' text of what became of the last runs, as node_exporter's textfile collector reads it. An age is for Prometheus
// to say (time() - …timestamp_seconds): one in a file would stand still when the runs do.

import { parseArchiveId } from '../archive/names.ts';
import type { ArchiveFigures } from '../settings/agent-state.ts';

/** Each with its help, in the order of the file. */
const metrics = {
  last_run_timestamp_seconds: 'When the last run ended.',
  last_run_duration_seconds: 'How long the last run took.',
  last_run_exit_code: "The last run's exit code; 0 if it stored an archive.",
  last_run_success: 'Whether the last run stored an archive: 1 or 0.',
  last_success_timestamp_seconds: 'When the newest archive was stored, whatever became of later runs.',
  last_success_duration_seconds: 'How long the run took that stored it.',
  last_success_plain_bytes: 'Its bytes before compression.',
  last_success_compressed_bytes: 'Its bytes as they are stored.',
} as const;

type Metric = keyof typeof metrics;

/** The values of one source; what is not known is left out. */
export type SourceMetrics = Readonly<Partial<Record<Metric, number>>>;

const prefix = 'offsite_backup_';
const sample = /^offsite_backup_(\w+)\{source="([a-z0-9-]+)"\} (\S+)$/gm;

/** Reads back what {@link metricsText} wrote; anything else is left out. */
export function parseMetrics(text: string): Map<string, SourceMetrics> {
  const found = new Map<string, SourceMetrics>();
  for (const [, name = '', source = '', value] of text.matchAll(sample)) {
    if (name in metrics) found.set(source, { ...found.get(source), [name]: Number(value) });
  }
  return found;
}

export function metricsText(sources: ReadonlyMap<string, SourceMetrics>): string {
  const lines = Object.entries(metrics).flatMap(([name, help]) => {
    const samples = [...sources].flatMap(([source, values]) => {
      const value = values[name as Metric];
      return value === undefined ? [] : [`${prefix}${name}{source="${source}"} ${value}`];
    });
    if (samples.length === 0) return [];
    return [`# HELP ${prefix}${name} ${help}`, `# TYPE ${prefix}${name} gauge`, ...samples];
  });
  return `${lines.join('\n')}\n`;
}

/** What a run that ended well says. */
export function metricsOfSuccess(
  { plainBytes, compressedBytes, durationMs }: ArchiveFigures,
  endedAt: Date,
): SourceMetrics {
  const [seconds, durationSeconds] = [endedAt.getTime() / 1000, durationMs / 1000];
  return {
    last_run_timestamp_seconds: seconds,
    last_run_duration_seconds: durationSeconds,
    last_run_exit_code: 0,
    last_run_success: 1,
    last_success_timestamp_seconds: seconds,
    last_success_duration_seconds: durationSeconds,
    last_success_plain_bytes: plainBytes,
    last_success_compressed_bytes: compressedBytes,
  };
}

/**
 * What a run that failed says: the last success remains what it was.
 *
 * @param before - What the file said of the source.
 * @param archive - The agent's last archive, for where the file said nothing.
 */
export function metricsOfFailure(
  { exitCode, durationMs }: { readonly exitCode: number; readonly durationMs: number },
  endedAt: Date,
  before: SourceMetrics | undefined,
  archive: ArchiveFigures | undefined,
): SourceMetrics {
  const known =
    before?.last_success_timestamp_seconds === undefined && archive !== undefined
      ? metricsOfSuccess(archive, new Date(parseArchiveId(archive.id).takenAt.getTime() + archive.durationMs))
      : before;
  return {
    ...known,
    last_run_timestamp_seconds: endedAt.getTime() / 1000,
    last_run_duration_seconds: durationMs / 1000,
    last_run_exit_code: exitCode,
    last_run_success: 0,
  };
}
