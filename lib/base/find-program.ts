// Finds a program as a shell would.

import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Finds a program.
 *
 * @param path - Directories to look in, as PATH has them.
 * @returns Its path; `undefined` if there is none that may be run.
 */
export function findProgram(name: string, path: string = process.env.PATH ?? ''): string | undefined {
  const candidates = path
    .split(delimiter)
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name));
  return candidates.find(isExecutable);
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
