import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OffsiteError } from './errors.ts';
import { formatBytes } from './quantities.ts';

/** What the disk that a folder is on still holds. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Before a file's first byte: a disk that is full stops more than us. @throws {@link OffsiteError} `DISK_FULL`. */
export async function assertRoom(file: string, bytes: number): Promise<void> {
  const room = await statfs(dirname(file)).catch(() => undefined);
  // Some file systems do not say.
  if (room === undefined || room.blocks === 0 || room.bavail * room.bsize >= bytes) return;
  throw new OffsiteError('DISK_FULL', `there is no room for ${file}`, {
    expected: `${formatBytes(bytes)} on its disk`,
    found: `${formatBytes(room.bavail * room.bsize)} that are free`,
    hint: 'make room, or name a place on another disk with -o FILE',
  });
}

/** What a write that failed says, where it is that. @param way - What names another place, for a person. */
export function diskFull(file: string, error: unknown, way: string): OffsiteError | undefined {
  const { code = '', message } = error as NodeJS.ErrnoException;
  // SQLite tells it in words, and what runs inside a container.
  const isFull = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code) || /disk is full|no space left/i.test(message);
  if (!isFull) return undefined;
  return new OffsiteError('DISK_FULL', `there is no room for ${file}`, {
    expected: 'a disk and a quota with room for all of it',
    found: message,
    hint: `make room, or name a place on another disk with ${way}`,
    cause: error,
  });
}
