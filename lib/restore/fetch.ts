// fetch: brings an archive back, checked against its manifest. A file appears only when it is whole.

import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Manifest } from '../archive/manifest.ts';
import type { ArchiveId } from '../archive/names.ts';
import { checked, openArchive } from '../archive/open-archive.ts';
import { readManifest } from '../archive/read-manifest.ts';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore } from '../store/store.ts';

/**
 * Fetches an archive into a file, by way of `<file>.partial`, which is renamed once the sha256 is right.
 *
 * @throws {@link OffsiteError} `ARCHIVE_DAMAGED` and others; no file is left behind then, and one that was there under
 *   the name stays as it was.
 */
export async function fetchToFile(
  store: ArchiveStore,
  id: ArchiveId,
  file: string,
  signal?: AbortSignal,
): Promise<Manifest> {
  const partial = `${file}.partial`;
  try {
    // Only the owner may read it: a dump holds password hashes and API keys. 'wx': two fetches never share a file.
    const manifest = await fetchTo(
      store,
      id,
      () => createWriteStream(partial, { mode: 0o600, flags: 'wx' }),
      signal,
    );
    await rename(partial, file);
    return manifest;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw partialExists(partial);
    await rm(partial, { force: true });
    throw error instanceof OffsiteError ? error : unwritable(file, error as Error);
  }
}

/**
 * Fetches an archive into a stream.
 *
 * @param destination - Opened once the archive is; ended when all of it is written, and destroyed on failure.
 * @throws {@link OffsiteError} `ARCHIVE_DAMAGED` if the bytes are not those of the manifest. They are written by then:
 *   whoever reads the stream must look at the exit code.
 */
export async function fetchTo(
  store: ArchiveStore,
  id: ArchiveId,
  destination: () => Writable,
  signal?: AbortSignal,
): Promise<Manifest> {
  const manifest = await readManifest(store, id);
  const { body } = await openArchive(store, id, manifest);
  await pipeline([body, checked(manifest), destination()], signal === undefined ? {} : { signal });
  return manifest;
}

function partialExists(partial: string): OffsiteError {
  return new OffsiteError('FILE_EXISTS', `${partial} exists`, {
    expected: 'no such file',
    found: 'another fetch that runs, or the rest of one that was killed',
    hint: 'if none runs, delete it',
  });
}

function unwritable(file: string, error: Error): Error {
  if (error.name === 'AbortError') return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !['ENOENT', 'EACCES', 'ENOSPC', 'EISDIR', 'ENOTDIR', 'EROFS'].includes(code))
    return error;
  return new OffsiteError('USAGE', `${file} cannot be written`, {
    expected: 'a path that may be written, with enough room',
    found: error.message,
    hint: 'name another with -o FILE',
  });
}
