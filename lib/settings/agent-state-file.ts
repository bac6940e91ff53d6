// Where the agent's state is on disk: one small file a source, replaced whole or not at all. Nothing here ever fails a
// back-up: a state that cannot be read is none, and one that cannot be written is a warning.

import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { makeFolder } from '../base/make-folder.ts';
import { jsonText } from '../base/parse-json.ts';
import { type AgentState, parseAgentState } from './agent-state.ts';
import { homeFolders, isWritableFolder } from './home.ts';

export type AgentStateFile = {
  readonly path: string;
  /** @returns `undefined` if there is none, or none that can be understood. */
  read(): Promise<AgentState | undefined>;
  /** @returns What to warn of if it could not be written. */
  write(state: AgentState): Promise<string | undefined>;
  /** As {@link write}, but changes nothing. */
  probe(): Promise<string | undefined>;
};

/** For every user of the machine, where an administrator made it. */
const systemDirectory = '/var/lib/offsite';

/**
 * Finds the state file of a source.
 *
 * @remarks `$XDG_STATE_HOME/offsite`, else `/var/lib/offsite` where that exists and may be written, else
 *   `~/.local/state/offsite`: of HOME if that may be written, else of the password file.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function agentStateFile(
  source: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): AgentStateFile {
  const directory = stateDirectory(environment);
  const path = join(directory, `${source}.json`);
  return {
    path,
    async read() {
      const text = await readFile(path, 'utf8').catch(() => undefined);
      return text === undefined ? undefined : parseAgentState(text, source);
    },
    write: (state) =>
      unlessFailed(async () => {
        await makeFolder(directory, 0o700);
        await replaceFile(path, jsonText(state));
      }),
    probe: () =>
      unlessFailed(async () => {
        const probe = `${path}.${process.pid}.probe`;
        await makeFolder(directory, 0o700);
        await writeFile(probe, 'x');
        await rm(probe);
      }),
  };
}

async function unlessFailed(write: () => Promise<void>): Promise<string | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    return `the agent's state cannot be written, so the next run has nothing to compare with: ${(error as Error).message}`;
  }
}

/** Where state is kept: `$XDG_STATE_HOME/offsite` or what stands for it. */
export function stateDirectory(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const { XDG_STATE_HOME } = environment;
  if (XDG_STATE_HOME && isAbsolute(XDG_STATE_HOME)) return join(XDG_STATE_HOME, 'offsite');
  const own = homeFolders(environment).map((home) => join(home, '.local', 'state', 'offsite'));
  const places = existsSync(systemDirectory) ? [systemDirectory, ...own] : own;
  return places.find(isWritableFolder) ?? (own[0] as string);
}

/** Replaces a file: whoever reads it sees the old text or the new one, also after the power failed in between. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await writeFile(partial, text, { mode: 0o600, flush: true });
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
}
