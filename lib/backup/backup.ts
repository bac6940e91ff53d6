// backup: dump, compress, upload, and last of all the manifest. Whatever fails on the way leaves no completed object
// and no manifest.

import { clockToleranceMs, type Manifest, manifestFormat } from '../archive/manifest.ts';
import { archiveIdAt, archiveKeys } from '../archive/names.ts';
import type { SourceDatabase } from '../archive/source-database.ts';
import { OffsiteError } from '../base/errors.ts';
import { jsonText } from '../base/parse-json.ts';
import { toolVersion } from '../base/version.ts';
import type { Compressor } from '../gzip/member-stream.ts';
import { ArchiveTooLargeError } from '../store/part-size.ts';
import { type ArchiveStore, maybeStored } from '../store/store.ts';
import { compress } from './compress.ts';
import { DumpEdges, type DumpVersions } from './edges.ts';

export type BackupOptions = {
  readonly source: string;
  /** Starts the plain dump, as `dump` gives it: it ends only if all of it came, and when the signal aborts. */
  readonly dump: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** Dump again, with larger parts, when the archive outgrows those that were planned. */
  readonly startOver?: boolean | undefined;
  /** How long the archive is expected to become, compressed; the store plans its parts by it. */
  readonly expectedBytes?: number | undefined;
  /** Asks what the database is besides its content, while it is dumped. */
  readonly askDatabase?: (signal: AbortSignal) => Promise<SourceDatabase | undefined>;
  /** May be on its way yet: the dump begins meanwhile. */
  readonly store: ArchiveStore | Promise<ArchiveStore>;
  /** By default the fastest that is installed. */
  readonly compressor?: Compressor;
  readonly now: () => Date;
  /** Of a dump that somebody else took. */
  readonly imported?: Manifest['imported'];
  readonly signal?: AbortSignal;
  readonly onProgress?: (plainBytes: number) => void;
  /** Called when all of the dump came. */
  readonly onDumpEnd?: () => void;
};

/**
 * Takes an archive.
 *
 * @returns Its manifest, which the store has acknowledged.
 * @throws {@link OffsiteError} If anything failed. Nothing remains then, but for a manifest that the store refused:
 *   an archive without manifest remains, which no command takes for one, and which `expire` removes in time.
 */
export async function backup(options: BackupOptions): Promise<Manifest> {
  for (let { expectedBytes } = options; ; ) {
    try {
      return await takeArchive(options, expectedBytes);
    } catch (error) {
      if (!options.startOver || !(error instanceof ArchiveTooLargeError)) throw error;
      if (error.askForBytes === undefined) throw error;
      expectedBytes = error.askForBytes;
    }
  }
}

async function takeArchive(options: BackupOptions, expectedBytes: number | undefined): Promise<Manifest> {
  const { source, now, signal } = options;
  const startedAt = now();
  const id = archiveIdAt(source, startedAt);
  const keys = archiveKeys(id);
  const edges = new DumpEdges();
  let versions: DumpVersions = {};
  const over = new AbortController();
  const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  const dump = options.dump(either)[Symbol.asyncIterator]();
  const asked = options.askDatabase?.(either);
  // Before anybody asks for it: pg_dump reads the catalogue while the store is made ready.
  const first = dump.next();
  // Heard of where it is awaited.
  first.catch(() => undefined);

  async function* inspected(): AsyncGenerator<Uint8Array> {
    for (let next = await first; !next.done; next = await dump.next()) {
      edges.push(next.value);
      options.onProgress?.(edges.plainBytes);
      yield next.value;
    }
    versions = edges.finish();
    options.onDumpEnd?.();
  }

  try {
    const store = await options.store;
    const { chunks, record } = compress(inspected(), options.compressor, { signal });
    const stored = await store.upload(keys.archive, chunks, {
      ...(expectedBytes === undefined ? {} : { expectedBytes }),
      ...(signal ? { signal } : {}),
    });
    const database = await asked;
    const aheadMs = store.clockAheadMs?.() ?? 0;
    const manifest: Manifest = {
      format: manifestFormat,
      id: id.id,
      source,
      startedAt: startedAt.toISOString(),
      completedAt: now().toISOString(),
      ...(Math.abs(aheadMs) > clockToleranceMs ? { clockAheadMs: aheadMs } : {}),
      ...versions,
      ...(database && { database }),
      ...(options.imported && { imported: options.imported }),
      toolVersion,
      ...record(),
      ...stored,
    };
    await writeManifest(store, keys.manifest, manifest, signal);
    return manifest;
  } finally {
    over.abort();
    await dump.return?.();
  }
}

async function writeManifest(
  store: ArchiveStore,
  key: string,
  manifest: Manifest,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await store.create(key, jsonText(manifest), { signal });
  } catch (error) {
    if (!(error instanceof OffsiteError) || signal?.aborted) throw error;
    const [said, advice] = maybeStored(error)
      ? ['whether its manifest is, nobody said', "see 'offsite list' for whether it counts"]
      : ['not its manifest, so it does not count', 'expire removes the archive without manifest in time'];
    throw new OffsiteError(error.code, `the archive is stored, but ${said}: ${error.message}`, {
      ...error,
      hint: `${error.hint}; then back up again (${advice})`,
      cause: error,
    });
  }
}
