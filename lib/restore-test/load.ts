// load-archive: an archive's bytes on their way from the store into a throw-away server, and nowhere else. What each
// stage took is taken down, and the log hears of the progress.

import { archiveKeys } from '../archive/names.ts';
import { formatBytes } from '../base/quantities.ts';
import { inflateArchive } from '../restore/archive-bytes.ts';
import { restoreParallel } from '../restore/parallel.ts';
import type { ArchiveStore, OpenObject } from '../store/store.ts';
import type { Findings, Stages, Subject } from './findings.ts';
import { blameBytes, openJudged } from './judged-archive.ts';
import type { Sandbox } from './sandbox.ts';

export type LoadOptions = {
  readonly store: ArchiveStore;
  readonly now: () => Date;
  readonly log?: ((line: string) => void) | undefined;
  readonly progressEveryMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Where it is loaded, by how many sessions, and who takes down how. */
type Loading = {
  readonly sandbox: Sandbox;
  readonly sessions: number;
  readonly findings: Findings;
  readonly stages: Stages;
};

export const database = 'restore_test';
const usuallyEveryMs = 10_000;

/**
 * Restores an archive while it is downloaded.
 *
 * @returns Whether the dump ended with pg_dump's end marker.
 * @throws What {@link inflateArchive} and {@link restoreParallel} throw; or that the archive's bytes are others.
 */
export async function loadArchive(
  subject: Subject,
  loading: Loading,
  options: LoadOptions,
): Promise<boolean> {
  const { id, manifest, verdict } = subject;
  const { store, signal } = options;
  const opened = await openJudged(store, id, manifest, verdict);
  const { etag, versionId } = opened;
  const { compressedBytes, plainBytes } = manifest;
  loading.findings.archive = { key: archiveKeys(id).archive, etag, versionId, compressedBytes, plainBytes };
  try {
    return await load(opened, subject, loading, options);
  } catch (error) {
    throw await blameBytes(error, { store, id, manifest, signal });
  }
}

async function load(
  { body }: OpenObject,
  { manifest }: Subject,
  { sandbox, sessions, stages }: Loading,
  { now, log = () => {}, progressEveryMs = usuallyEveryMs, signal }: LoadOptions,
): Promise<boolean> {
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
  }, progressEveryMs);
  try {
    const { ended } = await restoreParallel({
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
    return ended;
  } finally {
    clearInterval(ticker);
    body.destroy();
    const over = now();
    stages.add('download', began, ends.download ?? over, { bytes: progress.compressedBytes });
    stages.add('inflate', began, ends.inflate ?? over, { bytes: progress.plainBytes });
    stages.add('load', began, ends.load ?? over);
    if (ends.load !== undefined) stages.add('indexes', ends.load, over);
  }
}
