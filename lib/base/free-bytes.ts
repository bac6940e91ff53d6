import { statfs } from 'node:fs/promises';

/** What the disk that a folder is on still holds. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
