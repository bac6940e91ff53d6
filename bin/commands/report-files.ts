// A restore test's report and its page as files of this machine. A restore takes long: what is in the way of them is told
// before it begins, and what came of it is not lost for a disk that got full meanwhile.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { OffsiteError } from '../../lib/base/errors.ts';
import { makeFolder } from '../../lib/base/make-folder.ts';
import { assertOutput, writeOutput } from '../../lib/base/output-file.ts';

export type ReportFiles = { readonly report: string; readonly page: string };

const flag = '--output';

/**
 * Makes the folder, and says where the files of a test will be.
 *
 * @throws {@link OffsiteError} `USAGE` if nothing can be written there, `FILE_EXISTS` if one of them is there already and
 *   must not be replaced: before a restore that would be for nothing.
 */
export async function reserveReportFiles(folder: string, id: string, force: boolean): Promise<ReportFiles> {
  try {
    await makeFolder(folder);
  } catch (error) {
    throw new OffsiteError('USAGE', `${folder} cannot be written`, {
      expected: 'a folder that may be written',
      found: (error as Error).message,
      hint: `choose another with ${flag}`,
    });
  }
  const files = {
    report: join(folder, `${id}.restore-test.json`),
    page: join(folder, `${id}.restore-test.html`),
  };
  for (const file of Object.values(files)) await assertOutput(file, { force, flag });
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
    await writeText(file, text, force);
    return { file };
  } catch (error) {
    const trouble = error as OffsiteError;
    try {
      const spare = join(await mkdtemp(join(tmpdir(), 'offsite-report-')), basename(file));
      await writeText(spare, text, false);
      return { file: spare, trouble };
    } catch {
      return { trouble };
    }
  }
}

/** Writes a text to a place that a person named. @throws {@link OffsiteError} as {@link writeOutput}. */
export function writeText(place: string, text: string, force: boolean): Promise<void> {
  return writeOutput(place, { force, flag }, (destination) => pipeline([text], destination()));
}
