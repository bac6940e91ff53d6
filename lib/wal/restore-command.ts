// What Postgres makes of the exit code of its restore_command: up to 125 means that there is no such file, and it takes that for
// the end of the log. So only that may be said by one; an error, a fault of ours, a slip in the setting must stop it.

import { shellWord } from '../base/shell-word.ts';

/** "Child process exited with exit code 255", Postgres says then, and does not go on. */
const broken = 255;
const absent = 1;
/** As of a program that a signal ended; of SIGTERM, Postgres knows that it sent it. */
const bySignal = 128;

/** Set for the process that brings what follows: nobody waits for it, and to a server that is a container's first process, any exit code other than 0 or 1 is that of a session which broke down. */
export const aheadVariable = 'OFFSITE_FETCH_AHEAD';

let ends = false;

/** This very program, by this very Node, as `restore_command`: whatever PATH the server has. */
export function ownRestoreCommand(): string {
  const words = [process.execPath, process.argv[1] ?? '', 'wal', 'fetch'].map(shellWord);
  // A % is Postgres's own in this setting.
  return `${words.join(' ').replaceAll('%', '%%')} %f %p`;
}

/** Says that the log has no such file. */
export function logEnds(): void {
  ends = true;
}

/** Sees to it that nothing else is taken for the end of the log. @param args - Those of the program. */
export function heedRestoreCommand(args: readonly string[]): void {
  if (args[0] !== 'wal' || !args.includes('fetch')) return;
  process.on('exit', (code) => {
    if (process.env[aheadVariable] !== undefined) process.exitCode = 0;
    else if (ends && code === 0) process.exitCode = absent;
    else if (code !== 0 && code < bySignal) process.exitCode = broken;
  });
}
