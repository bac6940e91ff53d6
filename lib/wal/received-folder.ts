// The folder that pg_receivewal fills, on its way to the vault. Where it goes on is read from the newest file in it, so that one stays
// until there is a later one; and the one that is being written goes as a copy, again and again.

import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WalFile } from '../archive/wal-names.ts';
import { nothingIf } from '../base/errors.ts';
import { copyBegun, filledBytesIn } from './begun.ts';
import { headOfSegment } from './cluster.ts';
import { pushWal } from './push.ts';
import { type Lsn, segmentNumber } from './segment.ts';
import { type Backlog, type ShipOptions, type Shipped, shipWal, walFilesIn } from './ship.ts';

export class ReceivedFolder {
  readonly #options: ShipOptions;
  /** Finished ones that are in the vault and still here. */
  readonly #stored = new Set<string>();
  /** Of segments that are being written: how much of each is in the vault, and since when. */
  readonly #begun = new Map<string, { readonly filledBytes: number; readonly at: Date }>();

  constructor(options: ShipOptions) {
    this.#options = options;
  }

  /** Ships each segment that is finished, and each history. @throws As {@link shipWal}. */
  async shipFinished(systemIdentifier: string | undefined): Promise<Shipped> {
    const { folder } = this.#options;
    const shipped = await shipWal({
      ...this.#options,
      systemIdentifier,
      isDue: (file) => (file.kind === 'segment' || file.kind === 'history') && !this.#stored.has(file.name),
      whenStored: async ({ name, kind }) => {
        if (kind === 'segment') this.#stored.add(name);
        else await rm(join(folder, name), { force: true });
      },
    });
    const files = await walFilesIn(folder);
    const newest = newestOf(files);
    for (const { name } of files) {
      if (name === newest?.name || !this.#stored.has(name)) continue;
      await rm(join(folder, name), { force: true });
      this.#stored.delete(name);
      this.#begun.delete(name);
    }
    return shipped;
  }

  /** Ships what there is of segments that are being written. @returns How many were. @throws As {@link pushWal}. */
  async shipBegun(systemIdentifier: string | undefined): Promise<number> {
    const { folder } = this.#options;
    const files = await walFilesIn(folder);
    let count = 0;
    for (const file of files.filter(({ kind }) => kind === 'partial')) {
      const path = join(folder, file.name);
      const segment = file.name.slice(0, 24);
      const at = new Date();
      const known = this.#begun.get(segment)?.filledBytes ?? 0;
      const copy = await copyBegun(path, segment, folder, known).catch(unlessGone);
      if (copy !== undefined) {
        try {
          await pushWal({ ...this.#options, systemIdentifier, path: copy.path });
        } finally {
          await rm(copy.path, { force: true });
        }
        this.#begun.set(segment, { filledBytes: copy.filledBytes, at });
        count += 1;
      }
      // A timeline ended in it.
      if (file.name !== newestOf(files)?.name) await rm(path, { force: true });
    }
    return count;
  }

  /**
   * Ships what is here of the cluster that the server was before it was upgraded or made anew, and takes it away: its log goes on from none of it.
   *
   * @throws As {@link shipFinished} and {@link shipBegun}; or of the first file that could not be shipped.
   */
  async leaveFormer(systemIdentifier: string): Promise<void> {
    const { folder } = this.#options;
    const newest = newestOf(await walFilesIn(folder));
    const former = newest && (await this.#clusterOf(newest));
    if (former === undefined || former === systemIdentifier) return;
    const { failures } = await this.shipFinished(former);
    await this.shipBegun(former);
    if (failures[0] !== undefined) throw failures[0].error;
    for (const { name } of await walFilesIn(folder)) await rm(join(folder, name));
  }

  /** @returns `undefined` for a segment that is not begun yet. */
  async #clusterOf({ name }: WalFile): Promise<string | undefined> {
    await using file = await open(join(this.#options.folder, name));
    const head = await headOfSegment(file, name).catch(nothingIf(/^WAL_INVALID$/));
    return head?.systemIdentifier;
  }

  /** What is here and not in the vault yet. */
  async backlog(): Promise<Backlog> {
    const { folder } = this.#options;
    const waiting = { files: 0, bytes: 0, since: undefined as Date | undefined };
    for (const file of await walFilesIn(folder)) {
      const path = join(folder, file.name);
      const known = this.#begun.get(file.name.slice(0, 24));
      const found = await stat(path).catch(unlessGone);
      if (found === undefined || this.#stored.has(file.name)) continue;
      const filledBytes =
        file.kind === 'partial' ? ((await filledBytesIn(path).catch(unlessGone)) ?? 0) : found.size;
      const bytes = filledBytes - (known?.filledBytes ?? 0);
      if (bytes <= 0) continue;
      const since = known?.at ?? found.birthtime;
      waiting.files += 1;
      waiting.bytes += bytes;
      if (waiting.since === undefined || since < waiting.since) waiting.since = since;
    }
    return waiting;
  }

  /** Up to where the log is here; `undefined` if none of it is. */
  async receivedTo(segmentBytes: number): Promise<Lsn | undefined> {
    const newest = newestOf(await walFilesIn(this.#options.folder));
    if (newest === undefined) return undefined;
    const segments = segmentNumber(newest.name, segmentBytes) + (newest.kind === 'segment' ? 1 : 0);
    return BigInt(segments) * BigInt(segmentBytes);
  }
}

/** In the order of the log, and of timelines that part in one segment. */
function newestOf(files: readonly WalFile[]): WalFile | undefined {
  const place = ({ name }: WalFile) => name.slice(8, 24) + name.slice(0, 8);
  return files
    .filter(({ kind }) => kind === 'segment' || kind === 'partial')
    .reduce<WalFile | undefined>(
      (most, file) => (most === undefined || place(file) > place(most) ? file : most),
      undefined,
    );
}

/** Finished meanwhile, and so under another name. */
function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
