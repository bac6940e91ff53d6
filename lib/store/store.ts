// What this program asks of an object store. Everything above works against this interface; s3.ts is the one
// that talks to S3.

import type { Readable } from 'node:stream';

/** An object as a listing shows it. */
export type StoredObject = {
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
  /** By the store's clock. */
  readonly storedAt: Date;
};

/**
 * An object opened for reading; `body` must be consumed or destroyed. Where its bytes are others all of a sudden, it fails
 * with `ARCHIVE_CHANGED`.
 */
export type OpenObject = {
  readonly body: Readable;
  /** Of all of it. */
  readonly bytes: number;
  readonly etag: string;
  /** Null where the bucket is not versioned. */
  readonly versionId: string | null;
  readonly storedAt: Date;
};

/** A stretch of an object, and which bytes are meant. */
export type ByteRange = {
  readonly versionId: string | null;
  readonly etag: string;
  readonly from: number;
  /** The byte after the last; default: to the end. */
  readonly to?: number | undefined;
};

export type Reading = {
  /** The first byte that is wanted; default: the object's first. */
  readonly from?: number | undefined;
  /** How many connections bring it side by side, each some MiB of it in memory; default 1. */
  readonly connections?: number | undefined;
  /** How much each of them brings at a time; only tests have reasons for little. */
  readonly partBytes?: number | undefined;
};

export type StoredText = Omit<OpenObject, 'body'> & { readonly text: string };

/**
 * The store's names for bytes that it has acknowledged.
 *
 * @remarks Where an acknowledgement was lost on its way and is inferred, the entity tag is computed (`''` if it cannot
 *   be), and the version stays unknown: null.
 */
export type Stored = { readonly etag: string; readonly versionId: string | null };

export type UploadOptions = {
  /** How long the object is expected to become; the store plans its parts by it. */
  readonly expectedBytes?: number;
  /** In place of what the store would plan. */
  readonly partBytes?: number;
  readonly partsInFlight?: number;
  readonly signal?: AbortSignal;
};

export type ArchiveStore = {
  /** Every object under a prefix, in key order, page by page; of them those after a key. */
  list(prefix: string, after?: string): AsyncIterable<StoredObject>;
  /** The names of the folders right under a prefix (`bitagent` under `archives/`). */
  folders(prefix: string): Promise<string[]>;
  /**
   * Opens an object; where one is meant that has no version, all of its bytes are of the one that was there first.
   *
   * @returns `undefined` if there is no such object or version.
   */
  open(key: string, versionId?: string | null, reading?: Reading): Promise<OpenObject | undefined>;
  /**
   * Opens a stretch of an object, of exactly the bytes that are meant.
   *
   * @returns What there is of it, which may be nothing; `undefined` if there is no such object or version.
   * @throws {@link OffsiteError} `ARCHIVE_CHANGED` if there are other bytes now.
   */
  openRange(key: string, range: ByteRange): Promise<Readable | undefined>;
  /** Reads a small object whole. @returns `undefined` if there is none. */
  readText(key: string): Promise<StoredText | undefined>;
  /**
   * Writes an object that must not exist yet.
   *
   * @throws `ARCHIVE_EXISTS` if it does; the one there is left as it was. The signal's reason if it aborts; whether the
   *   object was stored, nobody knows then.
   */
  create(key: string, text: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<Stored>;
  /** Writes an object, replacing what is there. */
  write(key: string, text: string): Promise<Stored>;
  /**
   * Streams an object of unknown length to a key that must not exist yet.
   *
   * @throws `ARCHIVE_EXISTS` if it does; `ARCHIVE_TOO_LARGE` if the store cannot hold what is expected, or the chunks
   *   outgrow it.
   * @remarks If the chunks fail, or the signal aborts, the upload is aborted and no object appears.
   */
  upload(key: string, chunks: AsyncIterable<Uint8Array>, options: UploadOptions): Promise<Stored>;
  /** This machine's clock less the store's, by its last answer; unknown before the first. */
  readonly clockAheadMs?: () => number | undefined;
  /** Deletes an object; deleting one that is not there is no error. */
  delete(key: string): Promise<void>;
};

const unheard = new WeakSet<object>();

/** Marks the error of a write that may have been carried out all the same: its answer was lost. */
export function markMaybeStored<E extends Error>(error: E): E {
  unheard.add(error);
  return error;
}

/** Whether a write that failed with this error may have been carried out all the same. */
export function maybeStored(error: unknown): boolean {
  return typeof error === 'object' && error !== null && unheard.has(error);
}
