// offsite backup

import type { Manifest } from '../../lib/archive/manifest.ts';
import { archiveIdAt } from '../../lib/archive/names.ts';
import { backup } from '../../lib/backup/backup.ts';
import { dump } from '../../lib/backup/dump.ts';
import { estimateSize, type SizeEstimate } from '../../lib/backup/estimate-size.ts';
import { endWhenStalled } from '../../lib/backup/stall.ts';
import { parseDuration } from '../../lib/base/duration.ts';
import { formatBytes, formatDuration } from '../../lib/base/quantities.ts';
import { type CompressorChoice, chooseCompressor } from '../../lib/gzip/compressor.ts';
import {
  type AgentState,
  type ArchiveFigures,
  compareWithPrevious,
  nextDate,
  noteId,
} from '../../lib/settings/agent-state.ts';
import { type AgentStateFile, agentStateFile } from '../../lib/settings/agent-state-file.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { parseBytes } from '../../lib/store/part-size.ts';
import { print, warn } from './print.ts';
import { noProgress, type ProgressDisplay, showProgress } from './progress.ts';

type Flags = {
  json?: boolean;
  quiet?: boolean;
  stallTimeout: string;
  compress: CompressorChoice;
  expectedSize?: string;
  startOver?: boolean;
};

export async function runBackup(settings: Settings, flags: Flags, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  const chosen = {
    stallMs: parseDuration(flags.stallTimeout, '--stall-timeout'),
    expectedBytes: flags.expectedSize === undefined ? undefined : parseBytes(flags.expectedSize),
    compressor: chooseCompressor(flags.compress),
  };
  const stateFile = agentStateFile(settings.source);
  const before = await stateFile.read();
  const now = await clockAfter(stateFile, before, settings.source);
  const estimate: SizeEstimate | undefined = before?.archive ?? (await estimateSize(settings.dump, signal));
  const expectedBytes = chosen.expectedBytes ?? estimate?.compressedBytes;
  const progress = flags.quiet ? noProgress : showProgress(settings.source);
  let manifest: Manifest;
  let first: AsyncGenerator<Uint8Array> | undefined;
  try {
    progress.expect(estimate?.plainBytes);
    const take = () => watched(settings, chosen.stallMs, progress, signal);
    first = take();
    const attempts = [begun(first)];
    // Only now: pg_dump reads the catalogue while the SDK is loaded.
    const { createS3Store } = await import('../../lib/store/s3.ts');
    manifest = await backup({
      source: settings.source,
      dump: flags.startOver ? () => attempts.pop() ?? take() : (attempts.pop() ?? take()),
      store: createS3Store({ ...settings, onTrouble: progress.interject }),
      compressor: chosen.compressor,
      now,
      signal,
      onProgress: progress.update,
      ...(expectedBytes === undefined ? {} : { expectedBytes }),
    });
  } finally {
    progress.clear();
    // Where nobody came to ask for it. Not awaited: a dump that hangs ends by its own limit.
    first?.return(undefined).catch(() => undefined);
  }
  const durationMs = Math.round(performance.now() - began);
  const { id, plainBytes, compressedBytes } = manifest;
  const figures: ArchiveFigures = { id, plainBytes, compressedBytes, durationMs };
  report(manifest, figures, before?.archive, flags.json ?? false);
  warn(await stateFile.write(noteId(await stateFile.read(), id, figures)));
}

/**
 * A clock that never gives a date whose id was used before, and notes the date that it begins with.
 *
 * @remarks A state that cannot be written is told of once, at the end.
 */
async function clockAfter(
  stateFile: AgentStateFile,
  state: AgentState | undefined,
  source: string,
): Promise<() => Date> {
  const { notBefore, warning } = nextDate(state, new Date(), stateFile.path);
  warn(warning);
  const clock = () => {
    const now = new Date();
    return notBefore === undefined || now > notBefore ? now : notBefore;
  };
  const first = clock();
  await stateFile.write(noteId(state, archiveIdAt(source, first).id));
  let given = false;
  return () => {
    // The first is the archive's date, and was noted.
    const date = given ? clock() : first;
    given = true;
    return date;
  };
}

async function* watched(
  { dump: settings }: Settings,
  stallLimitMs: number,
  progress: ProgressDisplay,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield* endWhenStalled((either) => dump(settings, either), stallLimitMs, signal);
  progress.dumpEnded();
}

/** An iteration that begins before anybody asks for it. */
function begun<T>(values: AsyncGenerator<T>): AsyncIterable<T> {
  const first = values.next();
  // Heard of where it is awaited.
  first.catch(() => undefined);
  return (async function* () {
    try {
      for (let next = await first; !next.done; next = await values.next()) yield next.value;
    } finally {
      await values.return(undefined);
    }
  })();
}

function report(
  manifest: Manifest,
  figures: ArchiveFigures,
  previous: ArchiveFigures | undefined,
  json: boolean,
): void {
  const comparison = previous && compareWithPrevious(previous, figures);
  if (json) print(`${JSON.stringify(resultOf(manifest, figures, previous))}\n`);
  else print(sentence(figures) + (comparison ? `  ${comparison.text}\n` : ''));
  warn(comparison?.warning);
}

function resultOf(manifest: Manifest, { durationMs }: ArchiveFigures, previous: ArchiveFigures | undefined) {
  const { id, source, plainBytes, compressedBytes, sha256, serverVersion, pgDumpVersion } = manifest;
  return {
    id,
    source,
    plainBytes,
    compressedBytes,
    sha256,
    serverVersion,
    pgDumpVersion,
    durationMs,
    bytesPerSecond: Math.round((plainBytes / durationMs) * 1000),
    previous: previous ?? null,
  };
}

/** Of usual figures, shorter than a terminal is wide. */
function sentence({ id, plainBytes, compressedBytes, durationMs }: ArchiveFigures): string {
  const rate = formatBytes((plainBytes / durationMs) * 1000);
  const bytes = `${formatBytes(plainBytes)} plain, ${formatBytes(compressedBytes)} stored`;
  return `${id}  ${bytes}, ${formatDuration(durationMs)}, ${rate}/s\n`;
}
