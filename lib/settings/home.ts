// Folders of the user's own. HOME may be unset, empty or relative, as under cron and in containers: nothing is ever looked
// for, or written, in the folder that somebody happens to stand in.

import { accessSync, constants, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, isAbsolute } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Nowhere: what is looked for below it is not there. */
const nowhere = '/nonexistent';

/** The user's home folders, the likeliest first: HOME's, where that is absolute, and the password file's. Never none. */
export function homeFolders(environment: Environment = process.env): string[] {
  const folders = [environment.HOME, passwordFileHome()].filter(
    (folder): folder is string => folder !== undefined && isAbsolute(folder),
  );
  return folders.length === 0 ? [nowhere] : [...new Set(folders)];
}

/** Whether files may be written into a folder, which need not be there yet. */
export function isWritableFolder(folder: string): boolean {
  try {
    if (!statSync(folder).isDirectory()) return false;
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return isAbsent && dirname(folder) !== folder && isWritableFolder(dirname(folder));
  }
}

/** Nobody, where the user has no entry. */
function passwordFileHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}
