// What every package of the CLI holds: the program in one file, what starts it, completions, the manual and
// the documentation.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shells } from './commands/completion.ts';
import { program } from './commands/program.ts';
import { manualText } from './manual.ts';

const root = join(import.meta.dirname, '..');

/** What a package says of itself. */
export const facts = {
  name: program.name(),
  version: program.version() as string,
  description: program.description(),
  /** The first Node that has all that the program asks of it. */
  node: '22.2',
};

/**
 * Builds the CLI and lays a package out.
 *
 * @param folder - Below `dist`; what was there is gone.
 * @param places - Where the package has its own files, and what shells and man look for.
 * @returns The folder's path.
 */
export function stageCli(
  folder: string,
  places: { readonly own: string; readonly manual: string } & Readonly<Record<keyof typeof shells, string>>,
): string {
  const stage = join(root, 'dist', folder);
  rmSync(stage, { recursive: true, force: true });
  execFileSync(process.execPath, [join(root, 'bin', 'build.ts'), '--if-changed']);
  const own = join(stage, places.own);
  for (const file of ['bin/offsite', 'bin/run', 'dist/offsite.cjs', 'dist/program.cjs'])
    cpSync(join(root, file), join(own, file), { recursive: true });
  cpSync(join(root, 'dist', 'licences.txt'), join(own, 'licences.txt'));
  // Messages name them.
  for (const name of ['README.md', ...readdirSync(join(root, 'docs')).map((page) => `docs/${page}`)])
    if (name.endsWith('.md')) cpSync(join(root, name), join(own, name));
  write(join(stage, places.manual), manualText(program, new Date().toISOString().slice(0, 10)));
  for (const [shell, text] of Object.entries(shells))
    write(join(stage, places[shell as keyof typeof shells]), text(program));
  return stage;
}

export function write(file: string, text: string, mode = 0o644): void {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text, { mode });
}
