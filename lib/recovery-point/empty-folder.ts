// Where a cluster is laid out: nothing is ever written over, and what keeps it from being used is known before anything is fetched.

import { access, chown, constants, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { execa } from 'execa';
import { OffsiteError } from '../base/errors.ts';
import { makeFolder } from '../base/make-folder.ts';
import type { User } from '../postgres/unprivileged-user.ts';

/** Of the folder: the server refuses any other. */
const folderMode = 0o700;
const namedFaults = 5;

/**
 * Makes sure that a folder is there and empty, and that the server may enter it.
 *
 * @throws {@link OffsiteError} `FOLDER_NOT_EMPTY`, `RESTORE_REFUSED`, or what keeps it from being made.
 */
export async function emptyFolder(
  folder: string,
  owner: User | undefined,
  flag = '--data-directory',
): Promise<void> {
  const there = await writableFolder(folder).catch((error: NodeJS.ErrnoException) => {
    throw new OffsiteError('RESTORE_REFUSED', `${folder} cannot be used`, {
      expected: 'a folder that this user may make, or one that it may write to',
      found: error.message,
      hint: `name another with ${flag}, or run this as the user that Postgres runs as, or as root`,
    });
  });
  if (there.length === 0) return assertEntered(folder, owner);
  throw new OffsiteError('FOLDER_NOT_EMPTY', `${folder} is not empty`, {
    expected: 'an empty folder, or none: nothing is ever written over',
    found: there.slice(0, namedFaults).join(', '),
    hint: `name another with ${flag}${there.includes('lost+found') ? ', such as one below it: a disk has its own things at its root' : ''}; what a recovery that failed left there can be removed by hand (rm -r)`,
  });
}

/** @returns What is in it. */
async function writableFolder(folder: string): Promise<string[]> {
  await makeFolder(dirname(folder));
  await makeFolder(folder, folderMode);
  const there = await readdir(folder);
  await access(folder, constants.W_OK);
  return there;
}

async function assertEntered(folder: string, owner: User | undefined): Promise<void> {
  if (owner === undefined) return;
  await chown(folder, owner.uid, owner.gid);
  const entered = await execa('ls', [folder], { ...owner, reject: false });
  if (!entered.failed) return;
  throw new OffsiteError('RESTORE_REFUSED', `the server's user may not enter ${folder}`, {
    expected: `every folder above it to let user ${owner.uid} through, as whom the server runs: it refuses to run as root`,
    found: entered.stderr,
    hint: 'name a folder elsewhere: --data-directory /var/lib/postgresql/recovered',
  });
}
