// A file that somebody named on the command line, read from its beginning.

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { OffsiteError } from './errors.ts';

/** Its bytes; fails with {@link OffsiteError} `FILE_UNREADABLE`, also where the disk does half-way, or with the signal's reason. */
export function bytesOfFile(file: string, signal?: AbortSignal): Readable {
  return Readable.from(read(file, signal), { objectMode: false });
}

async function* read(file: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file, signal ? { signal } : {});
  } catch (error) {
    throw signal?.aborted ? signal.reason : fileError(error, file);
  }
}

/** Its first bytes, or all there are, as latin1; fails as {@link bytesOfFile}. */
export async function headOfFile(file: string, bytes: number): Promise<string> {
  try {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } catch (error) {
    throw fileError(error, file);
  }
}

/** What is to be done about a file that could not be looked at, or read. */
export function fileError(error: unknown, file: string): OffsiteError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  // What is no UTF-8 does not come to us as it was typed.
  const isMangled = file.includes('\ufffd');
  return new OffsiteError('FILE_UNREADABLE', `${file} cannot be read`, {
    expected: 'a file that this user may read',
    found: message,
    hint: isMangled
      ? 'its name is not in UTF-8: rename it (mv), and name that'
      : (hints[code] ??
        'the disk or file system under it did not give it (dmesg may say more): take another copy of it'),
    cause: error,
  });
}

const hints: Readonly<Record<string, string>> = {
  ENOENT:
    'there is none of that name: ls shows what is there, and a path without / at its beginning counts from this folder',
  ENOTDIR: 'one of the folders in its path is a file: ls shows what is there',
  EACCES: 'let this user read it and enter the folders above it (chmod), or run this with sudo',
  EPERM: 'let this user read it and enter the folders above it (chmod), or run this with sudo',
  EISDIR: 'name a file in it',
};
