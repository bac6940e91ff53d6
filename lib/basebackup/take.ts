// basebackup: the data directory as pg_basebackup gives it, compressed and stored as a dump is; the manifest comes last.

import { baseBackupKeys } from '../archive/base-backup-names.ts';
import { clockToleranceMs } from '../archive/manifest.ts';
import { archiveIdAt } from '../archive/names.ts';
import { compress } from '../backup/compress.ts';
import { OffsiteError } from '../base/errors.ts';
import { jsonText } from '../base/parse-json.ts';
import { toolVersion } from '../base/version.ts';
import { chooseCompressor } from '../gzip/compressor.ts';
import type { Compressor } from '../gzip/member-stream.ts';
import type { Connection } from '../postgres/connection.ts';
import type { ArchiveStore } from '../store/store.ts';
import { askCluster, serverTime } from './ask-cluster.ts';
import { type Contents, ContentsReader } from './contents.ts';
import { type BaseBackupManifest, baseBackupFormat } from './manifest.ts';
import { baseBackupOf } from './program.ts';
import { tablespaceBytes } from './server-manifest.ts';

export type BaseBackupOptions = {
  readonly source: string;
  readonly connection: Connection;
  /** May be on its way yet: the cluster is asked meanwhile. */
  readonly store: ArchiveStore | Promise<ArchiveStore>;
  readonly compressor?: Compressor | undefined;
  readonly now: () => Date;
  readonly signal?: AbortSignal | undefined;
  /** Passes the tar on, and may end it. */
  readonly watch?: (start: (signal: AbortSignal) => AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
  /** Called as plain bytes pass. */
  readonly onProgress?: (plainBytes: number) => void;
  /** Told how many may come. */
  readonly onExpected?: (plainBytes: number) => void;
  /** Told whose it is when all data has come: the server may wait for its log to be archived yet, and that for this to be known. */
  readonly onCluster?: (systemIdentifier: string) => Promise<void> | void;
  readonly warn?: (sentence: string) => void;
};

/** That all is well, or is waited for and came, or that archive_mode is off, which we say in more words. */
const expectedWords =
  /^NOTICE: .*(required WAL segments (have been|to be) archived|WAL archiving is not enabled)/;

const notArchived =
  "archive_mode is off, and nobody receives the log: without it a base backup brings nobody back. Run 'offsite wal receive'; or ALTER SYSTEM SET archive_mode = 'on', set archive_command (see docs/pitr.md), and restart the server";

/** Tables as they are on disk, and their indexes, hold much that is alike. */
const compressedShare = 1 / 2;

/**
 * Takes a base backup.
 *
 * @returns Its manifest, which the store has acknowledged.
 * @throws {@link OffsiteError} If anything failed: nothing remains then that counts.
 */
export async function takeBaseBackup(options: BaseBackupOptions): Promise<BaseBackupManifest> {
  const { source, connection, compressor = chooseCompressor(), now, signal, warn } = options;
  const [answer, store] = await Promise.all([askCluster(connection, signal), options.store]);
  const { tablespaces, bytes, archives, ...cluster } = answer;
  if (!archives) warn?.(notArchived);
  options.onExpected?.(bytes);
  const startedAt = now();
  const id = archiveIdAt(source, startedAt);
  const keys = baseBackupKeys(id);
  let ended: { readonly contents: Contents; readonly consistentAt: Promise<Date> } | undefined;

  async function* inspected(): AsyncGenerator<Uint8Array> {
    const reader = new ContentsReader();
    const onWords = (words: string) => {
      const told = words.split('\n').filter((line) => !expectedWords.test(line));
      if (told.length > 0) warn?.(`pg_basebackup said: ${told.join('\n')}`);
    };
    // From 16 on, pg_basebackup has a tar of those in the data directory, too.
    const oids = tablespaces.map(({ oid }) => oid);
    const start = (either: AbortSignal | undefined) =>
      baseBackupOf(connection, { tablespaces: oids, signal: either, onWords });
    let plainBytes = 0;
    let isTold = false;
    for await (const chunk of options.watch?.(start) ?? start(signal)) {
      reader.push(chunk);
      if (!isTold && reader.systemIdentifier === cluster.systemIdentifier) {
        isTold = true;
        await options.onCluster?.(reader.systemIdentifier);
      }
      plainBytes += chunk.byteLength;
      options.onProgress?.(plainBytes);
      yield chunk;
    }
    const contents = reader.finish();
    if (contents.systemIdentifier !== cluster.systemIdentifier)
      throw new OffsiteError('BASE_BACKUP_FAILED', 'psql and pg_basebackup came to different clusters', {
        expected: `system identifier ${cluster.systemIdentifier}`,
        found: `system identifier ${contents.systemIdentifier}`,
        hint: 'name one server: --url with one host, and no load balancer before it',
      });
    ended = { contents, consistentAt: serverTime(connection, signal) };
    // Heard of where it is awaited: the last of it is stored meanwhile.
    ended.consistentAt.catch(() => undefined);
  }

  const { longMemberPlainBytes: plainBytesEach = compressor.memberPlainBytes } = compressor;
  const { chunks, record } = compress(inspected(), compressor, { signal, plainBytesEach });
  const expectedBytes = Math.round(bytes * compressedShare);
  const stored = await store.upload(keys.archive, chunks, { expectedBytes, ...(signal && { signal }) });
  const { contents, consistentAt } = ended as unknown as NonNullable<typeof ended>;
  const { serverManifest, serverManifestText, files } = contents;
  await store.create(keys.serverManifest, serverManifestText, { signal });
  const aheadMs = store.clockAheadMs?.() ?? 0;
  const { timeline, start: startLsn, end: stopLsn } = serverManifest.walRange;
  const manifest: BaseBackupManifest = {
    format: baseBackupFormat,
    kind: 'base backup',
    id: id.id,
    source,
    startedAt: startedAt.toISOString(),
    completedAt: now().toISOString(),
    consistentAt: (await consistentAt).toISOString(),
    ...(Math.abs(aheadMs) > clockToleranceMs ? { clockAheadMs: aheadMs } : {}),
    toolVersion,
    cluster,
    timeline,
    startLsn,
    stopLsn,
    tablespaces: tablespaces
      .filter(({ location }) => location.startsWith('/'))
      .map((one) => ({ ...one, bytes: tablespaceBytes(serverManifest, one.oid) })),
    files,
    ...record(),
    ...stored,
  };
  await store.create(keys.manifest, jsonText(manifest), { signal });
  return manifest;
}
