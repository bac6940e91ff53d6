// Folders for files of this machine.

import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder, and those above it.
 *
 * @param mode - Of those that are made; as the umask says when not given.
 * @throws What the file system says.
 * @remarks Node's own recursive mkdir does not end where the system says that nothing is there and yet lets nothing be
 *   made (in /proc).
 */
export async function makeFolder(folder: string, mode?: number): Promise<void> {
  try {
    await mkdir(folder, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder), mode);
    await mkdir(folder, mode);
  }
}
