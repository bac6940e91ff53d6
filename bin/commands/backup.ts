// offsite backup

import type { Settings } from '../../lib/core/config.ts';
import type { Manifest } from '../../lib/core/manifest.ts';
import { formatBytes, formatDuration } from '../../lib/core/quantities.ts';
import { createS3Store } from '../../lib/io/s3-store.ts';
import { backup } from '../../lib/steps/backup.ts';
import { dump } from '../../lib/steps/dump.ts';

export async function runBackup(
  settings: Settings,
  flags: { json?: boolean },
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  const progress = showProgress(began);
  try {
    const manifest = await backup({
      source: settings.source,
      dump: dump(settings.dump, signal),
      store: createS3Store(settings),
      now: () => new Date(),
      signal,
      onProgress: progress.update,
    });
    progress.clear();
    const durationMs = performance.now() - began;
    process.stdout.write(
      flags.json ? `${JSON.stringify(resultOf(manifest, durationMs))}\n` : sentence(manifest, durationMs),
    );
  } finally {
    progress.clear();
  }
}

function resultOf(manifest: Manifest, durationMs: number) {
  const { id, source, plainBytes, compressedBytes, sha256, serverVersion, pgDumpVersion } = manifest;
  const bytesPerSecond = Math.round((plainBytes / durationMs) * 1000);
  return {
    id,
    source,
    plainBytes,
    compressedBytes,
    sha256,
    serverVersion,
    pgDumpVersion,
    durationMs: Math.round(durationMs),
    bytesPerSecond,
  };
}

function sentence({ id, plainBytes, compressedBytes }: Manifest, durationMs: number): string {
  const ratio = (plainBytes / compressedBytes).toFixed(1);
  const rate = formatBytes((plainBytes / durationMs) * 1000);
  const bytes = `${formatBytes(plainBytes)} plain, ${formatBytes(compressedBytes)} stored (1/${ratio})`;
  return `${id}  ${bytes}, ${formatDuration(durationMs)}, ${rate}/s\n`;
}

/** One line on a terminal, rewritten twice a second; nothing elsewhere. */
function showProgress(began: number): { update: (plainBytes: number) => void; clear: () => void } {
  let shownAt = 0;
  const terminal = process.stderr.isTTY;
  return {
    update: (plainBytes) => {
      const elapsedMs = performance.now() - began;
      if (!terminal || elapsedMs - shownAt < 500) return;
      shownAt = elapsedMs;
      const rate = formatBytes((plainBytes / elapsedMs) * 1000);
      process.stderr.write(
        `\r\x1b[K${formatBytes(plainBytes)} dumped, ${rate}/s, ${formatDuration(elapsedMs)}`,
      );
    },
    clear: () => {
      if (terminal && shownAt > 0) process.stderr.write('\r\x1b[K');
      shownAt = 0;
    },
  };
}
