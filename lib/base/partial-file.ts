// A file on its way to its name which outlives its process. Beside it stands whose bytes they are, and how many of them are
// known to be on the disk: another run goes on with those, and with no others.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { OffsiteError } from './errors.ts';
import { assertRoom } from './free-bytes.ts';
import { isAlive } from './is-alive.ts';
import { type FilePlace, giveName, ownEyes, removeAbandoned, stateFileOf } from './output-file.ts';
import { parseJson } from './parse-json.ts';

const stateSchema = z.strictObject({
  /** Whose bytes they are; what is of the same origin has the same bytes. */
  origin: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
  /** From the beginning on. */
  proven: z.strictObject({ bytes: z.number().int().nonnegative(), sha256: z.string() }),
});

export type Origin = z.infer<typeof stateSchema>['origin'];

/** What a run left that has not come to its end. */
export type KeptPartial = z.infer<typeof stateSchema> & {
  readonly path: string;
  readonly stateFile: string;
  /** The process that writes it, where it still does. */
  readonly writer: number | undefined;
};

/** Long enough to cost nothing, short enough that little is lost with a process that is killed. */
export const noteEveryMs = 1000;
const blockBytes = 1024 * 1024;

/** All that was left beside a file. */
export async function keptPartials({ file }: FilePlace): Promise<KeptPartial[]> {
  const folder = dirname(file);
  const kept: KeptPartial[] = [];
  for (const name of await readdir(folder)) {
    const [, pid, mark] = /^\.(\d+)-(\w+)\.partial$/.exec(name.slice(basename(file).length)) ?? [];
    if (pid === undefined || mark === undefined || !name.startsWith(basename(file))) continue;
    const stateFile = stateFileOf(file, mark);
    const text = await readFile(stateFile, 'utf8').catch(() => '{}');
    const state = parseJson(stateSchema, text);
    const writer = isRunningOffsite(Number(pid)) ? Number(pid) : undefined;
    if (state !== undefined) kept.push({ ...state, path: join(folder, name), stateFile, writer });
  }
  return kept;
}

/** Removes what a run left, unless another has gone on with it meanwhile. */
export async function removeKept({ path, stateFile }: KeptPartial): Promise<void> {
  await rm(path)
    .then(() => rm(stateFile, { force: true }))
    .catch(() => undefined);
}

/** @param found - The process that writes it. */
export function inUse({ path }: Pick<KeptPartial, 'path'>, found: string): OffsiteError {
  return new OffsiteError('PARTIAL_IN_USE', `${path} is being written`, {
    expected: 'what a run left that has ended',
    found,
    hint: 'wait for it, or end it; without --resume another begins beside it',
  });
}

/** A file that is being written. Only one process ever has it. */
export class PartialFile {
  readonly path: string;
  readonly #stateFile: string;
  readonly #handle: FileHandle;
  readonly #origin: Origin;
  #block = Buffer.allocUnsafeSlow(blockBytes);
  #otherBlock = Buffer.allocUnsafeSlow(blockBytes);
  #filled = 0;
  /** Where the block goes. */
  #at: number;
  #writing: Promise<void> = Promise.resolve();
  #noting: Promise<void> = Promise.resolve();
  #flushing: Promise<void> = Promise.resolve();
  #noted = { at: Number.NEGATIVE_INFINITY, bytes: 0 };
  #provenBytes: number;

  private constructor(
    paths: Pick<KeptPartial, 'path' | 'stateFile'>,
    handle: FileHandle,
    origin: Origin,
    bytes = 0,
  ) {
    this.path = paths.path;
    this.#stateFile = paths.stateFile;
    this.#handle = handle;
    this.#origin = origin;
    this.#at = bytes;
    this.#provenBytes = bytes;
  }

  /** All that was given to it, and what was there. */
  get bytes(): number {
    return this.#at + this.#filled;
  }

  /**
   * Begins a file.
   *
   * @throws {@link OffsiteError} `DISK_FULL` if its disk has less room than it will take.
   */
  static async begin({ file }: FilePlace, origin: Origin, expectedBytes: number): Promise<PartialFile> {
    await removeAbandoned(file);
    await assertRoom(file, expectedBytes);
    const mark = randomBytes(3).toString('hex');
    const paths = { path: `${file}.${process.pid}-${mark}.partial`, stateFile: stateFileOf(file, mark) };
    return new PartialFile(paths, await open(paths.path, 'wx', ownEyes), origin);
  }

  /**
   * Goes on with what was left, once that is read again.
   *
   * @throws {@link OffsiteError} `PARTIAL_IN_USE` if another process was faster.
   */
  static async goOn(kept: KeptPartial, expectedBytes: number): Promise<PartialFile> {
    const { bytes } = kept.proven;
    await assertRoom(kept.path, expectedBytes - bytes);
    const path = kept.path.replace(/\.\d+(?=-\w+\.partial$)/, `.${process.pid}`);
    // Of two that try, one finds it gone.
    const handle = await rename(kept.path, path)
      .then(() => open(path, 'r+'))
      .catch((error) => {
        throw error.code === 'ENOENT' ? inUse(kept, 'another --resume, which was faster') : error;
      });
    await handle.truncate(bytes);
    return new PartialFile({ ...kept, path }, handle, kept.origin, bytes);
  }

  /** @param see - Is shown what is there already. @throws What that throws. */
  async readAgain(see: (chunk: Buffer) => void): Promise<void> {
    const there = this.#handle.createReadStream({ start: 0, autoClose: false, highWaterMark: blockBytes });
    for await (const chunk of there) see(chunk);
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + blockBytes - this.#filled);
      this.#block.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled === blockBytes) await this.#flush();
    }
  }

  /**
   * Writes down how far it has come, where it has, and not again too soon.
   *
   * @param sha256 - Of all that was given to it.
   */
  async note(sha256: () => string): Promise<void> {
    const { bytes } = this;
    if (performance.now() - this.#noted.at < noteEveryMs || bytes === this.#noted.bytes) return;
    const proven = { bytes, sha256: sha256() };
    this.#noted = { at: performance.now(), bytes };
    await this.#noting;
    await this.#flush();
    // Meanwhile it goes on being written.
    this.#noting = this.#writing.then(() => this.#prove(proven));
    this.#noting.catch(() => undefined);
  }

  /** Leaves it to another run. @returns How many bytes that need not fetch. */
  async keep(sha256: string): Promise<number> {
    await this.#noting;
    await this.#flush();
    await this.#writing;
    await this.#prove({ bytes: this.bytes, sha256 });
    await this.#handle.close();
    return this.bytes;
  }

  /** Leaves to another run what was written down before its disk took no more. @returns How many bytes those are. */
  async leave(): Promise<number> {
    await Promise.allSettled([this.#writing, this.#noting]);
    await this.#handle.truncate(this.#provenBytes).catch(() => undefined);
    await this.#handle.close().catch(() => undefined);
    return this.#provenBytes;
  }

  /** Gives it its name; all of it is on the disk by then. */
  async finish(place: FilePlace): Promise<void> {
    await this.#noting;
    await this.#flush();
    await this.#writing;
    await this.#handle.chmod(place.mode);
    await this.#handle.sync();
    await this.#handle.close();
    await giveName(place, this.path);
    await rm(this.#stateFile, { force: true });
  }

  async remove(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#noting]);
    await this.#handle.close().catch(() => undefined);
    await rm(this.path, { force: true });
    await rm(this.#stateFile, { force: true });
  }

  /** Begins to write what is gathered, once what was gathered before is written. */
  #flush(): Promise<void> {
    const flushed = this.#flushing.then(async () => {
      await this.#writing;
      const gathered = this.#block.subarray(0, this.#filled);
      this.#writing = writeAll(this.#handle, gathered, this.#at);
      this.#writing.catch(() => undefined);
      [this.#block, this.#otherBlock] = [this.#otherBlock, this.#block];
      this.#at += gathered.length;
      this.#filled = 0;
    });
    this.#flushing = flushed.catch(() => undefined);
    return flushed;
  }

  async #prove(proven: KeptPartial['proven']): Promise<void> {
    await this.#handle.datasync();
    const fresh = `${this.#stateFile}.new`;
    try {
      await writeFile(fresh, `${JSON.stringify({ origin: this.#origin, proven })}\n`, { mode: ownEyes });
      await rename(fresh, this.#stateFile);
    } catch (error) {
      await rm(fresh, { force: true });
      throw error;
    }
    this.#provenBytes = proven.bytes;
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}

/** Process numbers are given anew: what has one of ours may be another program. */
function isRunningOffsite(pid: number): boolean {
  if (pid === process.pid || !isAlive(pid)) return false;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('offsite');
  } catch {
    return true;
  }
}
