import { endWhenStalled } from '../../lib/backup/stall.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { formatBytes, formatDuration, parseDuration } from '../../lib/base/quantities.ts';
import { takeBaseBackup } from '../../lib/basebackup/take.ts';
import { type CompressorChoice, chooseCompressor } from '../../lib/gzip/compressor.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { connectionFromSettings } from '../../lib/settings/settings.ts';
import { noteCluster, notedCluster } from '../../lib/wal/cluster.ts';
import { usage } from './flags.ts';
import { openPatientStore } from './patient-store.ts';
import { print, printJson, warn } from './print.ts';
import { noProgress, showProgress } from './progress.ts';

type Flags = {
  stallTimeout: string;
  patience: string;
  compress: CompressorChoice;
  quiet?: boolean;
  json?: boolean;
};

const copying = { waiting: 'waiting for the checkpoint', done: 'copied', ended: 'storing the last of it' };

export async function runBaseBackup(settings: Settings, flags: Flags, signal: AbortSignal): Promise<void> {
  const { source, dump } = settings;
  if (dump.via === 'command')
    throw usage('a server, or a container', 'a command that dumps', 'say --url or --container');
  const began = performance.now();
  const stallMs = parseDuration(flags.stallTimeout, '--stall-timeout');
  const patienceMs = parseDuration(flags.patience, '--patience');
  const compressor = chooseCompressor(flags.compress);
  const progress = flags.quiet ? noProgress : showProgress(source, copying);
  const warnings: string[] = [];
  try {
    const manifest = await takeBaseBackup({
      source,
      connection: connectionFromSettings(dump),
      store: openPatientStore(settings, patienceMs, progress.interject),
      compressor,
      now: () => new Date(),
      signal,
      watch: (start) => withItsReason(endWhenStalled(start, stallMs, signal)),
      onCluster: async (systemIdentifier) => {
        const before = await notedCluster(source);
        warnings.push((await noteCluster(source, systemIdentifier)) ?? '');
        if (before !== undefined && before !== systemIdentifier)
          warnings.push(
            `this is another cluster than before (${before}): points before this base backup are recovered from the older ones. If the wrong server was named, take one of the right one, which is followed from then on`,
          );
      },
      onExpected: progress.expect,
      onProgress: progress.update,
      warn: (sentence) => warnings.push(sentence),
    });
    progress.clear();
    const { id, plainBytes, compressedBytes, startLsn, stopLsn, timeline, cluster } = manifest;
    const { systemIdentifier } = cluster;
    const durationMs = Math.round(performance.now() - began);
    if (flags.json)
      printJson('basebackup', {
        id,
        plainBytes,
        compressedBytes,
        startLsn,
        stopLsn,
        timeline,
        systemIdentifier,
        durationMs,
      });
    else {
      const bytes = `${formatBytes(plainBytes)} plain, ${formatBytes(compressedBytes)} stored`;
      print(
        `${id}  ${bytes}, ${formatDuration(durationMs)}\n  log from ${startLsn} on, consistent from ${stopLsn} on\n`,
      );
    }
  } finally {
    progress.clear();
    for (const sentence of warnings.filter(Boolean)) warn(sentence);
  }
}

/** What holds it up is hardly ever a lock. */
async function* withItsReason(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    if (!(error instanceof OffsiteError) || error.code !== 'DUMP_STALLED') throw error;
    throw new OffsiteError('DUMP_STALLED', 'the base backup stalled and was ended; nothing was stored', {
      expected: 'the server to go on, and at the end to have its log archived',
      found: error.found,
      hint: 'where archive_command fails, it waits for ever: SELECT last_failed_wal, last_failed_time FROM pg_stat_archiver shows it, and the server log says why; --stall-timeout sets the limit',
    });
  }
}
