// Postgres refuses to run as root: on a machine where we are root, its server runs as somebody else.

import { execa } from 'execa';
import { OffsiteError } from '../base/errors.ts';

/** As execa and node:child_process take it. */
export type User = { readonly uid: number; readonly gid: number };

/**
 * Finds whom to run a server as.
 *
 * @returns User `postgres`, or else `nobody`, when called by root; `undefined` for anybody else, who runs it as he is.
 * @throws `OffsiteError` `SERVER_FAILED` if there is neither.
 */
export async function unprivilegedUser(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = await Promise.all([
      execa('id', ['-u', name], { reject: false }),
      execa('id', ['-g', name], { reject: false }),
    ]);
    if (!uid.failed && !gid.failed) return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  throw new OffsiteError('SERVER_FAILED', 'there is nobody to run Postgres as', {
    expected: 'a user postgres or nobody: the server refuses to run as root',
    found: 'neither',
    hint: 'call this as another user than root, or install PostgreSQL, which makes the user postgres (apt-get install postgresql)',
  });
}
