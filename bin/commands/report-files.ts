// A restore test's report and its page as files of this machine. A restore takes long: what is in the way of them is told
// before it begins, and what came of it is not lost for a disk that got full meanwhile.

import { constants, existsSync } from 'node:fs';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { OffsiteError } from '../../lib/base/errors.ts';
import { makeFolder } from '../../lib/base/make-folder.ts';

export type ReportFiles = { readonly report: string; readonly page: string };

export type WriteOptions = {
  /** Whether a file that is there may be replaced. */
  readonly force?: boolean | undefined;
  /** Default: as the umask says. */
  readonly mode?: number;
};

/** Names of tables and figures only, but nobody else's business. */
const ownEyes = 0o600;

/**
 * Makes the folder, and says where the files of a test will be.
 *
 * @throws {@link OffsiteError} `USAGE` if nothing can be written there, `FILE_EXISTS` if one of them is there already and
 *   must not be replaced: before a restore that would be for nothing.
 */
export async function reserveReportFiles(folder: string, id: string, force: boolean): Promise<ReportFiles> {
  try {
    await makeFolder(folder);
    await access(folder, constants.W_OK);
  } catch (error) {
    throw refused(folder, error as Error, 'choose another place with --output FOLDER');
  }
  const files = {
    report: join(folder, `${id}.restore-test.json`),
    page: join(folder, `${id}.restore-test.html`),
  };
  const there = Object.values(files).find((file) => existsSync(file));
  if (there !== undefined && !force)
    throw exists(there, 'choose another folder with --output, or say --force');
  return files;
}

/** A file of a test, and what kept it from being where it was wanted. */
export type KeptFile = { readonly file?: string; readonly trouble?: OffsiteError };

/**
 * Keeps a file of a test: where it was wanted, or else in a folder of its own among the temporary files.
 *
 * @returns Never fails; no `file` if it could be written nowhere.
 */
export async function keepReportFile(file: string, text: string, force: boolean): Promise<KeptFile> {
  try {
    await writeNew(file, text, { force, mode: ownEyes });
    return { file };
  } catch (error) {
    const trouble = error as OffsiteError;
    try {
      const spare = join(await mkdtemp(join(tmpdir(), 'offsite-report-')), basename(file));
      await writeNew(spare, text, { mode: ownEyes });
      return { file: spare, trouble };
    } catch {
      return { trouble };
    }
  }
}

/**
 * Writes a file that was not there.
 *
 * @throws {@link OffsiteError} `FILE_EXISTS`, `USAGE`; nothing half-written remains under a new name.
 */
export async function writeNew(file: string, text: string, { force, mode }: WriteOptions): Promise<void> {
  try {
    await writeFile(file, text, { flag: force ? 'w' : 'wx', ...(mode !== undefined && { mode }) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw exists(file, 'choose another name, or say --force');
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      await rm(file, { force: true }).catch(() => undefined);
    throw refused(file, error as Error, 'choose another place with --output');
  }
}

function exists(file: string, hint: string): OffsiteError {
  return new OffsiteError('FILE_EXISTS', `${file} is there already`, {
    expected: 'a file that is not there yet',
    found: 'one that would be replaced',
    hint,
  });
}

function refused(place: string, { message }: Error, hint: string): OffsiteError {
  return new OffsiteError('USAGE', `${place} cannot be written`, {
    expected: 'a place that may be written, with room on its disk',
    found: message,
    hint,
  });
}
