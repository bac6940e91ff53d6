// All that decides what runs the agent every night.

import type { Variables } from './environment.ts';
import type { TimeOfDay } from './time-of-day.ts';

export type Way = 'systemd' | 'cron' | 'compose';

/** All that decides what is written. */
export type Installation = {
  readonly way: Way;
  readonly source: string;
  /** Of one user's own systemd. */
  readonly forUser: boolean;
  /** `bin/offsite`, from the root. */
  readonly program: string;
  /** The dump, where a command takes it. */
  readonly command: readonly string[];
  /** Whether the dashboard's database is archived after it. */
  readonly withSidecar: boolean;
  /** How the log goes offsite, where it does; a base backup is taken each week then. */
  readonly log?: { readonly way: 'ship' | 'receive'; readonly folder: string | undefined } | undefined;
  readonly at: TimeOfDay;
  readonly randomDelayMs: number;
  readonly variables: Variables;
  /** What the paths of files are below, and their texts know nothing of. */
  readonly root: string;
  /** Of units, or of Compose's files. */
  readonly folder: string;
  readonly composeFile?: string | undefined;
  /** Where the variables are kept; ends with the program's own name. */
  readonly ownFolder: string;
  /** Folders besides its own that it writes to. */
  readonly writes: readonly string[];
  /** What a container has to see of the host, besides the program, to read: `from:to` of Compose. */
  readonly reads?: readonly string[] | undefined;
  /** Whether the server's socket is in /tmp. */
  readonly needsTmp: boolean;
  /** Whether Docker is asked for the dump. */
  readonly needsDocker: boolean;
  /** Whether the server is one of this host's. */
  readonly isLocal: boolean;
  readonly timeZone: string;
};

/** In place of a source: what is installed is the guard of a vault, which has them all. */
export const guardName = 'guard';

export function isGuard({ source }: Pick<Installation, 'source'>): boolean {
  return source === guardName;
}

/** What is run, one after the other. */
export function linesOf({
  source,
  program,
  command,
  withSidecar,
}: Pick<Installation, 'source' | 'program' | 'command' | 'withSidecar'>): string[][] {
  if (isGuard({ source })) return [[program, 'guard']];
  const sidecar = withSidecar ? [[program, 'sidecar', 'backup']] : [];
  return [[program, 'backup', ...(command.length > 0 ? ['--', ...command] : [])], ...sidecar];
}

/** What goes on for ever. */
export function logLineOf({ program, log }: Installation): string[] {
  const folder = log?.folder === undefined ? [] : ['--dir', log.folder];
  return [program, 'wal', log?.way ?? 'ship', ...folder, ...(log?.way === 'ship' ? ['--follow'] : [])];
}
