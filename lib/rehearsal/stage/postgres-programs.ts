// Where the rehearsal's Postgres comes from: what is installed; else the packages of Debian or Ubuntu, unpacked and not
// installed. What is downloaded is told, and on a terminal asked for, before.

import { OffsiteError } from '../../base/errors.ts';
import { findPostgresPrograms } from '../../postgres/programs.ts';
import { unpackedFolder, unpackedPrograms, unpackPostgres } from './unpacked-postgres.ts';

/** A way to a Postgres, as it stands on this machine; its programs are in one directory. */
export type Way =
  | { readonly binDir: string }
  /** @throws Why it did not come; nothing of it remains then. */
  | { readonly downloads: string; bring(signal?: AbortSignal): Promise<string> }
  | { readonly missing: string };

/**
 * Looks for Postgres, or brings it.
 *
 * @param agrees - Is told what is downloaded, and whether that may be.
 * @param ways - In their order; each is looked at when those before it did not do.
 * @returns The directory of its programs.
 * @throws {@link OffsiteError} `PROGRAM_MISSING` if there is no way, or it was declined.
 */
export async function providePostgres(
  agrees: (downloads: string) => Promise<boolean>,
  ways: readonly (() => Promise<Way>)[] = [installed, unpacked],
  signal?: AbortSignal,
): Promise<string> {
  const reasons: string[] = [];
  for (const look of ways) {
    const way = await look();
    if ('binDir' in way) return way.binDir;
    if ('missing' in way) reasons.push(way.missing);
    else if (!(await agrees(way.downloads))) reasons.push(`declined: ${way.downloads}`);
    else {
      try {
        return await way.bring(signal);
      } catch (error) {
        signal?.throwIfAborted();
        reasons.push((error as Error).message);
      }
    }
  }
  throw new OffsiteError('PROGRAM_MISSING', 'the rehearsal needs a PostgreSQL server, and there is none', {
    expected: 'psql, pg_dump, initdb and postgres on the PATH or in /usr/lib/postgresql/*/bin',
    found: reasons.join('; '),
    hint: 'install it (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql@16)',
  });
}

async function installed(): Promise<Way> {
  const binDir = findPostgresPrograms();
  return binDir === undefined ? { missing: 'no programs' } : { binDir };
}

async function unpacked(): Promise<Way> {
  const folder = await unpackedFolder();
  if (folder === undefined) return { missing: 'no packages (this is not Debian or Ubuntu)' };
  const binDir = await unpackedPrograms(folder);
  if (binDir !== undefined) return { binDir };
  return {
    downloads: `the distribution's packages of it (about 20 MB), unpacked into ${folder}; nothing is installed, and that folder may be deleted at any time`,
    bring: (signal) => unpackPostgres(folder, signal && { signal }),
  };
}
