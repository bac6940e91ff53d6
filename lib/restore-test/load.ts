// load-archive: an archive's bytes on their way from the store into a throw-away server, and nowhere else. What each
// stage took is taken down, and the log hears of the progress.

import type { Manifest } from '../archive/manifest.ts';
import { formatBytes } from '../base/quantities.ts';
import { inflateArchive } from '../restore/archive-bytes.ts';
import { type ParallelRestored, restoreParallel } from '../restore/parallel.ts';
import type { OpenObject } from '../store/store.ts';
import type { Sandbox } from './sandbox.ts';
import type { Stages } from './stages.ts';

export type LoadOptions = {
  readonly manifest: Manifest;
  readonly sandbox: Sandbox;
  readonly database: string;
  readonly sessions: number;
  readonly stages: Stages;
  readonly now: () => Date;
  readonly log: (line: string) => void;
  readonly progressEveryMs: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Restores an archive while it is downloaded.
 *
 * @throws What {@link inflateArchive} and {@link restoreParallel} throw.
 */
export async function loadArchive({ body }: OpenObject, options: LoadOptions): Promise<ParallelRestored> {
  const { manifest, sandbox, database, sessions, stages, now, log, signal } = options;
  const began = now();
  const ends: { download?: Date; inflate?: Date; load?: Date } = {};
  const { dump, progress } = inflateArchive(body, manifest, {
    signal,
    onDownloaded: () => {
      ends.download = now();
    },
  });
  async function* noticingEnd(): AsyncGenerator<Buffer> {
    yield* dump;
    ends.inflate = now();
  }
  const ticker = setInterval(() => {
    const read = `${formatBytes(progress.compressedBytes)} of ${formatBytes(manifest.compressedBytes)} read`;
    const inflated = `${formatBytes(progress.plainBytes)} of ${formatBytes(manifest.plainBytes)} loaded`;
    const rest = ends.load === undefined ? '' : ': all loaded, making indexes and keys';
    log(`restore-test: ${read}, ${inflated}${rest}`);
  }, options.progressEveryMs);
  try {
    return await restoreParallel({
      connection: sandbox.connection,
      database,
      dump: noticingEnd(),
      sessions,
      skips: sandbox.skips,
      goesOnWithout: (error, tokens) => sandbox.omissions.goesOnWithout(error, tokens),
      onLoaded: () => {
        ends.load = now();
      },
      signal,
    });
  } finally {
    clearInterval(ticker);
    body.destroy();
    const ended = now();
    stages.add('download', began, ends.download ?? ended, { bytes: progress.compressedBytes });
    stages.add('inflate', began, ends.inflate ?? ended, { bytes: progress.plainBytes });
    stages.add('load', began, ends.load ?? ended);
    if (ends.load !== undefined) stages.add('indexes', ends.load, ended);
  }
}
