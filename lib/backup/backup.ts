// backup: dump, compress, upload, and last of all the manifest. Whatever fails on the way leaves no completed object
// and no manifest.

import { type Manifest, manifestFormat, serializeManifest } from '../archive/manifest.ts';
import { archiveIdAt, archiveKeys } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { toolVersion } from '../base/version.ts';
import type { Compressor } from '../gzip/member-stream.ts';
import { ArchiveTooLargeError } from '../store/part-size.ts';
import { type ArchiveStore, maybeStored } from '../store/store.ts';
import { compress } from './compress.ts';
import { DumpEdges, type DumpVersions } from './edges.ts';

export type BackupOptions = {
  readonly source: string;
  /**
   * The plain dump, as `dump` gives it: it ends only if all of it came. A function allows to take it again: with larger
   * parts, when the archive has outgrown those that were planned.
   */
  readonly dump: AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>);
  /** How long the archive is expected to become, compressed; the store plans its parts by it. */
  readonly expectedBytes?: number;
  readonly store: ArchiveStore;
  /** By default the fastest that is installed. */
  readonly compressor?: Compressor;
  readonly now: () => Date;
  readonly signal?: AbortSignal;
  /** Called as plain bytes pass. */
  readonly onProgress?: (plainBytes: number) => void;
};

/**
 * Takes an archive.
 *
 * @returns Its manifest, which the store has acknowledged.
 * @throws {@link OffsiteError} If anything failed. Nothing remains then, but for a manifest that the store refused:
 *   an archive without manifest remains, which no command takes for one, and which `expire` removes in time.
 */
export async function backup(options: BackupOptions): Promise<Manifest> {
  const { dump } = options;
  if (typeof dump !== 'function') return takeArchive(options, dump, options.expectedBytes);
  for (let { expectedBytes } = options; ; ) {
    try {
      return await takeArchive(options, dump(), expectedBytes);
    } catch (error) {
      if (!(error instanceof ArchiveTooLargeError) || error.askForBytes === undefined) throw error;
      expectedBytes = error.askForBytes;
    }
  }
}

async function takeArchive(
  options: BackupOptions,
  dump: AsyncIterable<Uint8Array>,
  expectedBytes: number | undefined,
): Promise<Manifest> {
  const { source, store, now } = options;
  const startedAt = now();
  const id = archiveIdAt(source, startedAt);
  const keys = archiveKeys(id);
  const edges = new DumpEdges();
  let versions: DumpVersions = {};

  async function* inspected(): AsyncGenerator<Uint8Array> {
    for await (const chunk of dump) {
      edges.push(chunk);
      options.onProgress?.(edges.plainBytes);
      yield chunk;
    }
    versions = edges.finish();
  }

  const { chunks, record } = compress(inspected(), options.compressor, options.signal);
  const stored = await store.upload(keys.archive, chunks, {
    ...(expectedBytes === undefined ? {} : { expectedBytes }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const manifest: Manifest = {
    format: manifestFormat,
    id: id.id,
    source,
    startedAt: startedAt.toISOString(),
    completedAt: now().toISOString(),
    ...versions,
    toolVersion,
    ...record(),
    ...stored,
  };
  await writeManifest(options, keys.manifest, manifest);
  return manifest;
}

async function writeManifest(
  { store, signal }: BackupOptions,
  key: string,
  manifest: Manifest,
): Promise<void> {
  try {
    await store.create(key, serializeManifest(manifest), { signal });
  } catch (error) {
    if (!(error instanceof OffsiteError) || signal?.aborted) throw error;
    const { code, expected, found, hint } = error;
    const [said, advice] = maybeStored(error)
      ? ['whether its manifest is, nobody said', "see 'offsite list' for whether it counts"]
      : ['not its manifest, so it does not count', 'expire removes the archive without manifest in time'];
    throw new OffsiteError(code, `the archive is stored, but ${said}: ${error.message}`, {
      expected,
      found,
      hint: `${hint}; then back up again (${advice})`,
      cause: error,
    });
  }
}
