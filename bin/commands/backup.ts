import type { Manifest } from '../../lib/archive/manifest.ts';
import { type ArchiveId, archiveIdAt, parseArchiveId } from '../../lib/archive/names.ts';
import { estimateSize, readSourceDatabase, type SizeEstimate } from '../../lib/backup/ask-server.ts';
import { backup } from '../../lib/backup/backup.ts';
import { dump } from '../../lib/backup/dump.ts';
import { endWhenStalled } from '../../lib/backup/stall.ts';
import { describeError, exitCodeOf, OffsiteError } from '../../lib/base/errors.ts';
import { formatBytes, formatDuration, parseDuration } from '../../lib/base/quantities.ts';
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
import type { Upgrade, UpgradeFlags } from './before-upgrade.ts';
import { openPatientStore } from './patient-store.ts';
import { print, printFault, printJson, tell, warn } from './print.ts';
import { noProgress, type ProgressDisplay, showProgress } from './progress.ts';
import { tellOfNight } from './told-night.ts';

type Flags = {
  json?: boolean;
  quiet?: boolean;
  stallTimeout: string;
  patience: string;
  compress: CompressorChoice;
  expectedSize?: string;
  startOver?: boolean;
} & UpgradeFlags;

/** @returns Of the archive; `undefined` where an upgrade needs none. */
export async function runBackup(
  settings: Settings,
  flags: Flags,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  let upgrade: Upgrade | undefined;
  if (flags.beforeUpgrade !== undefined) {
    const { beforeUpgrade } = await import('./before-upgrade.ts');
    upgrade = await beforeUpgrade(settings, flags, signal);
    if (upgrade === undefined) return undefined;
  }
  const stateFile = agentStateFile(settings.source);
  const before = await stateFile.read();
  let manifest: Manifest | undefined;
  await tellOfNight(settings, signal, before?.archive, async () => {
    const taken = await takeArchive(settings, flags, signal, { stateFile, before, upgrade });
    if (!flags.json) await report(taken, before?.archive);
    const proven = await upgrade?.proven(taken.manifest);
    if (flags.json) await report(taken, before?.archive, { ...proven, warnings: taken.warnings });
    manifest = taken.manifest;
    return taken.figures;
  });
  return manifest;
}

/**
 * Of each source, one after the other: a fault of one is told, and keeps none of the others from its archive.
 *
 * @throws {@link OffsiteError} `SOURCES_FAILED` with the first fault's exit code, once all were tried.
 */
export async function runBackups(all: readonly Settings[], flags: Flags, signal: AbortSignal): Promise<void> {
  const faults: { source: string; error: unknown }[] = [];
  for (const settings of all) {
    try {
      await runBackup(settings, flags, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      faults.push({ source: settings.source, error });
      tell(describeError(error).replace(/^offsite: /, `offsite: ${settings.source}: `));
    }
  }
  const [first] = faults;
  if (first === undefined) return;
  const names = faults.map(({ source }) => source).join(', ');
  throw new OffsiteError(
    'SOURCES_FAILED',
    `${faults.length} of ${all.length} sources ${faults.length === 1 ? 'has' : 'have'} no new archive`,
    {
      expected: 'one of each',
      found: `none of ${names}`,
      hint: `mend what is said above, then: offsite backup --source ${first.source}`,
      exitCode: exitCodeOf(first.error),
    },
  );
}

type Taken = {
  readonly manifest: Manifest;
  readonly figures: ArchiveFigures;
  readonly warnings: readonly string[];
};

type Circumstances = {
  readonly stateFile: AgentStateFile;
  readonly before: AgentState | undefined;
  readonly upgrade: Upgrade | undefined;
};

async function takeArchive(
  settings: Settings,
  flags: Flags,
  signal: AbortSignal,
  { stateFile, before, upgrade }: Circumstances,
): Promise<Taken> {
  const began = performance.now();
  const stallMs = parseDuration(flags.stallTimeout, '--stall-timeout');
  const patienceMs = parseDuration(flags.patience, '--patience');
  const askedBytes = flags.expectedSize === undefined ? undefined : parseBytes(flags.expectedSize);
  const compressor = chooseCompressor(flags.compress);
  const { now, firstId } = await clockAfter(stateFile, before, settings.source);
  await upgrade?.hold(firstId);
  const estimate: SizeEstimate | undefined = before?.archive ?? (await estimateSize(settings.dump, signal));
  const progress = flags.quiet ? noProgress : showProgress(settings.source);
  const warnings: string[] = [];
  const onWarning = (sentence: string) => void warnings.push(sentence);
  let manifest: Manifest;
  try {
    progress.expect(estimate?.plainBytes);
    manifest = await backup({
      source: settings.source,
      dump: (either) =>
        endWhenStalled((any) => dump(settings.dump, { signal: any, onWarning }), stallMs, either),
      startOver: flags.startOver,
      expectedBytes: askedBytes ?? estimate?.compressedBytes,
      askDatabase: (either) => readSourceDatabase(settings.dump, either),
      store: storeOf(settings, patienceMs, progress),
      compressor,
      now,
      signal,
      onProgress: progress.update,
      onDumpEnd: progress.dumpEnded,
    });
  } finally {
    progress.clear();
    for (const sentence of warnings) warn(sentence);
  }
  const durationMs = Math.round(performance.now() - began);
  const { id, plainBytes, compressedBytes, clockAheadMs } = manifest;
  const figures: ArchiveFigures = { id, plainBytes, compressedBytes, durationMs };
  if (clockAheadMs !== undefined) {
    const off = `${formatDuration(Math.abs(clockAheadMs))} ${clockAheadMs > 0 ? 'ahead of' : 'behind'}`;
    warnings.push(
      `this host's clock is ${off} the store's, and the archive is dated by it: set it (timedatectl set-ntp true)`,
    );
    warn(warnings.at(-1));
  }
  // One that was started over has another.
  if (id !== firstId.id) await upgrade?.hold(parseArchiveId(id));
  warn(await stateFile.write(noteId(await stateFile.read(), id, figures)));
  return { manifest, figures, warnings };
}

function storeOf(settings: Settings, patienceMs: number, { interject }: ProgressDisplay) {
  const limit = formatDuration(patienceMs);
  let waits = `; the dump waits, with its snapshot and its locks, for at most ${limit} (--patience)`;
  return openPatientStore(settings, patienceMs, (said) => {
    interject(said + waits);
    waits = '';
  });
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
): Promise<{ readonly now: () => Date; readonly firstId: ArchiveId }> {
  const { notBefore, warning } = nextDate(state, new Date(), stateFile.path);
  warn(warning);
  const clock = () => {
    const now = new Date();
    return notBefore === undefined || now > notBefore ? now : notBefore;
  };
  const first = clock();
  const firstId = archiveIdAt(source, first);
  await stateFile.write(noteId(state, firstId.id));
  let given = false;
  const now = () => {
    // The first is the archive's date, and was noted.
    const date = given ? clock() : first;
    given = true;
    return date;
  };
  return { now, firstId };
}

/** @param more - For a program: what its line has besides. */
async function report(
  { manifest, figures }: Taken,
  previous: ArchiveFigures | undefined,
  more?: object,
): Promise<void> {
  const comparison = previous && compareWithPrevious(previous, figures);
  if (more) printJson('backup', { ...resultOf(manifest, figures, previous), ...more });
  else print(sentence(figures) + (comparison ? `  ${comparison.text}\n` : ''));
  const fault = await printFault();
  // A reader that has gone wanted no more. And a full disk under a log is no failure of the night.
  if (fault !== undefined && fault.code !== 'EPIPE') {
    warn(
      `the archive is stored: ${figures.id}; only what was to be printed of it is lost (${fault.message})`,
    );
  }
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
