// The agent's key as a profile of the aws command's files: put there once, and never over another.

import { appendFile, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from '../base/make-folder.ts';
import { profileNames } from '../settings/aws.ts';
import type { AgentKey } from './stack.ts';

/**
 * Adds a profile with the agent's key.
 *
 * @param path - Of the credentials file; made with mode 600 if it is not there.
 * @returns Whether it was added; not where there is one of that name, in this file or the other.
 */
export async function addProfile(path: string, name: string, key: AgentKey): Promise<boolean> {
  if ((await profileNames()).includes(name)) return false;
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  await makeFolder(dirname(path), 0o700);
  const gap = before === '' ? '' : before.endsWith('\n') ? '\n' : '\n\n';
  const lines = [
    `[${name}]`,
    `aws_access_key_id = ${key.accessKeyId}`,
    `aws_secret_access_key = ${key.secretAccessKey}`,
  ];
  await appendFile(path, `${gap}${lines.join('\n')}\n`, { mode: 0o600 });
  return true;
}
