// Lays a base backup out: every file under its name, its sum made on the way and held against the server's own list.

import { createHash, type Hash } from 'node:crypto';
import { chown, type FileHandle, mkdir, open, readdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { baseBackupKeys } from '../archive/base-backup-names.ts';
import { OffsiteError } from '../base/errors.ts';
import { formatBytes } from '../base/quantities.ts';
import { missingFrom, parseServerManifest, serverManifestName } from '../basebackup/server-manifest.ts';
import { type TarEntry, TarReader } from '../basebackup/tar.ts';
import { GunzipFailed, gunzip, NotGzip } from '../gzip/gunzip.ts';
import type { User } from '../postgres/unprivileged-user.ts';
import type { ArchiveStore } from '../store/store.ts';
import { emptyFolder } from './empty-folder.ts';
import { type PlacedTablespace, pathIn, tablespaceMap } from './tablespaces.ts';
import type { BaseBackup } from './way.ts';

export type LayOutOptions = {
  readonly store: ArchiveStore;
  readonly base: BaseBackup;
  /** Empty, or not there yet. */
  readonly folder: string;
  /** Their folders too: empty, or not there yet. */
  readonly tablespaces: readonly PlacedTablespace[];
  /** Whose it shall be, where that is not ourselves. */
  readonly owner: User | undefined;
  readonly onProgress?: ((plainBytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

const connections = 8;
const namedFaults = 5;

/**
 * Lays a base backup out.
 *
 * @throws {@link OffsiteError} `ARCHIVE_DAMAGED`, `ARCHIVE_GONE`, or what the store and the disk say; the folder is empty again then.
 */
export async function layOut(options: LayOutOptions): Promise<void> {
  const { folder, owner, tablespaces } = options;
  await emptyFolder(folder, owner);
  await emptyTablespaces(tablespaces, owner);
  await assertRoom(options);
  const folders = [folder, ...tablespaces.map((one) => one.folder)];
  try {
    await unpack(options);
    // Written by root, and to be read by somebody else; each folder may be a link to where it is.
    if (owner !== undefined) await execa('chown', ['-RH', `${owner.uid}:${owner.gid}`, ...folders]);
    await execa('chmod', ['700', ...folders]);
  } catch (error) {
    for (const one of folders)
      for (const name of await readdir(one).catch(() => []))
        await rm(join(one, name), { recursive: true, force: true });
    throw error;
  }
}

/** Makes sure of the folders that were named for tablespaces. @throws As {@link emptyFolder}. */
export async function emptyTablespaces(
  tablespaces: readonly PlacedTablespace[],
  owner: User | undefined,
): Promise<void> {
  for (const one of tablespaces.filter(({ isElsewhere }) => isElsewhere))
    await emptyFolder(one.folder, owner, '--tablespace-mapping');
}

/** On each disk, for all that comes there. */
async function assertRoom({ folder, tablespaces, base }: LayOutOptions): Promise<void> {
  const elsewhere = tablespaces.filter(({ isElsewhere }) => isElsewhere);
  const rest = elsewhere.reduce((sum, { bytes }) => sum - bytes, base.manifest.plainBytes);
  const disks = new Map<number, { readonly folder: string; readonly bytes: number }>();
  for (const need of [{ folder, bytes: rest }, ...elsewhere]) {
    const { dev } = await stat(need.folder);
    const known = disks.get(dev);
    disks.set(dev, { folder: known?.folder ?? need.folder, bytes: (known?.bytes ?? 0) + need.bytes });
  }
  for (const { folder: place, bytes } of disks.values()) await assertRoomFor(place, bytes);
}

async function assertRoomFor(folder: string, bytes: number): Promise<void> {
  const room = await statfs(folder);
  // Some file systems do not say.
  if (room.blocks === 0 || room.bavail * room.bsize >= bytes) return;
  throw new OffsiteError('RESTORE_DISK_FULL', `there is no room for the cluster in ${folder}`, {
    expected: `${formatBytes(bytes)}, and some for the log that is replayed`,
    found: `${formatBytes(room.bavail * room.bsize)} that are free`,
    hint: 'make room, or name a folder on another disk (--data-directory, --tablespace-mapping)',
  });
}

async function unpack({
  store,
  base,
  folder,
  tablespaces,
  onProgress,
  signal,
}: LayOutOptions): Promise<void> {
  const { manifest, id } = base;
  const key = baseBackupKeys(id).archive;
  const opened = await store.open(key, manifest.versionId, { connections });
  if (opened === undefined)
    throw damaged(id.id, `${key} (version ${manifest.versionId ?? 'any'})`, 'no such object', 'ARCHIVE_GONE');
  const compressed = createHash('sha256');
  const onChunk = (chunk: Buffer) => void compressed.update(chunk);
  const tar = new TarReader();
  const files = new Files((name) => pathIn(folder, tablespaces, name));
  let plainBytes = 0;
  try {
    for await (const chunk of gunzip(opened.body, { onChunk, signal })) {
      plainBytes += chunk.length;
      for (const event of tar.push(chunk)) {
        if (event.at === 'entry') await files.begin(event.entry);
        else if (event.at === 'bytes') await files.write(event.bytes);
        else await files.end();
      }
      onProgress?.(plainBytes);
    }
    tar.finish();
  } catch (error) {
    if (error instanceof NotGzip || error instanceof GunzipFailed)
      throw damaged(id.id, 'whole gzip', error.message);
    if (error instanceof OffsiteError && error.code === 'BASE_BACKUP_FAILED')
      throw damaged(id.id, error.expected, error.found);
    throw error;
  } finally {
    await files.close();
  }
  const sha256 = compressed.digest('hex');
  if (sha256 !== manifest.sha256) throw damaged(id.id, `SHA-256 ${manifest.sha256}`, `SHA-256 ${sha256}`);
  const faults = missingFrom(parseServerManifest(files.serverManifestText), files.found);
  if (faults.length > 0)
    throw damaged(id.id, "the files of the server's list", faults.slice(0, namedFaults).join('\n'));
  // The server's own has the old places in it.
  if (tablespaces.length > 0) await writeFile(join(folder, 'tablespace_map'), tablespaceMap(tablespaces));
}

/** The files as they come, one at a time. */
class Files {
  readonly found = new Map<string, { readonly bytes: number; readonly sha256: string }>();
  serverManifestText = '';
  readonly #pathOf: (name: string) => string;
  #entry: TarEntry | undefined;
  #handle: FileHandle | undefined;
  #hash: Hash | undefined;
  readonly #serverManifest: Buffer[] = [];

  constructor(pathOf: (name: string) => string) {
    this.#pathOf = pathOf;
  }

  async begin(entry: TarEntry): Promise<void> {
    const path = this.#pathOf(entry.name);
    this.#entry = entry;
    if (entry.kind === 'folder') await mkdir(path, { mode: entry.mode, recursive: true });
    if (entry.kind === 'link') throw damaged(entry.name, 'no link', 'a link', 'ARCHIVE_DAMAGED');
    if (entry.kind !== 'file') return;
    this.#hash = createHash('sha256');
    this.#handle = await open(path, 'wx', entry.mode);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash?.update(bytes);
    if (this.#entry?.name === serverManifestName) this.#serverManifest.push(Buffer.from(bytes));
    for (let at = 0; this.#handle !== undefined && at < bytes.length; )
      at += (await this.#handle.write(bytes, at)).bytesWritten;
  }

  async end(): Promise<void> {
    await this.close();
    if (this.#entry?.kind !== 'file' || this.#hash === undefined) return;
    const { name, bytes } = this.#entry;
    this.found.set(name, { bytes, sha256: this.#hash.digest('hex') });
    if (name === serverManifestName)
      this.serverManifestText = Buffer.concat(this.#serverManifest).toString('utf8');
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }
}

/** Tells the server that it is to recover; it removes the file when it has. */
export async function markForRecovery(folder: string, owner: User | undefined): Promise<void> {
  const path = join(folder, 'recovery.signal');
  // Of a standby's base backup: a server that finds it waits for more log, for ever.
  await rm(join(folder, 'standby.signal'), { force: true });
  await writeFile(path, '', { mode: 0o600 });
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}

function damaged(
  id: string,
  expected: string,
  found: string,
  code: 'ARCHIVE_DAMAGED' | 'ARCHIVE_GONE' = 'ARCHIVE_DAMAGED',
): OffsiteError {
  return new OffsiteError(code, `the base backup ${id} is not what was stored`, {
    expected,
    found,
    hint: 'name an older base backup, from which the log leads to the same point (offsite restore <id> --to-time …)',
  });
}
