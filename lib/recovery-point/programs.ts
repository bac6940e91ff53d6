// The server's programs of one major version: the log of another is not read by any.

import { delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { OffsiteError } from '../base/errors.ts';
import { isExecutable } from '../base/find-program.ts';

/**
 * Finds the programs of a major version.
 *
 * @returns Their folder.
 * @throws {@link OffsiteError} `PROGRAM_MISSING`
 */
export async function serverProgramsOf(
  major: number,
  path: string = process.env.PATH ?? '',
  versionsFolder = '/usr/lib/postgresql',
): Promise<string> {
  const folders = [join(versionsFolder, String(major), 'bin'), ...path.split(delimiter).filter(Boolean)];
  const found: string[] = [];
  for (const folder of folders.filter((one) => isExecutable(join(one, 'postgres')))) {
    const { stdout = '' } = await execa(join(folder, 'postgres'), ['--version'], { reject: false });
    if (Number(/\) (\d+)/.exec(stdout)?.[1]) === major) return folder;
    found.push(`${stdout.trim()} in ${folder}`);
  }
  throw new OffsiteError('PROGRAM_MISSING', `there is no PostgreSQL ${major} server to recover with`, {
    expected: `postgres of major version ${major} on the PATH or in ${dirname(versionsFolder)}/postgresql/${major}/bin: that of the base backup`,
    found: found.length === 0 ? 'none' : found.join('\n'),
    hint: `install it (Debian, Ubuntu: apt-get install postgresql-${major})`,
  });
}
