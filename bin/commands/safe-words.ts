// What is as it was when a command has failed, where nobody nearer to it has said so: the first that somebody wants to know who reads
// of a failure at three in the morning.

import { errorFamilies, OffsiteError, sayWhatIsSafe } from '../../lib/base/errors.ts';

const onlyReads = 'all archives are as they were: this only reads them';

/** By the command, of those on which somebody's data may depend. */
export const safeWords: Readonly<Record<string, string>> = {
  fetch: 'the archive in the vault is as it was, and no file of another name was touched',
  verify: 'all archives are as they were: a verdict changes none of them',
  list: onlyReads,
  restore: 'no database was touched, and the archives in the vault are as they were',
  recover:
    'no database that holds anything was overwritten, and the archives are as they were; the same command goes on where this one stopped',
  'restore-test': `${onlyReads}, and restores into a server of its own`,
  basebackup: 'the database and all that was stored before are as they were; this run counts for nothing',
  wal: 'what is in the vault is as it was, and a file of the log is removed here only once it is stored there',
  sidecar:
    "the archives are as they were; the dashboard's database is, too, or is kept beside it as FILE.before-…",
  guard:
    'no archive is lost by it: it only takes what newer, proven ones stand for; the next run does what this one did not',
  expire: 'what was not yet deleted stays, and the newest proven archives stay in any case',
  watch: onlyReads,
  report: onlyReads,
  import: 'the files, and all that was stored before, are as they were; none is imported twice',
  accept: 'the archive and its verdict are as they were',
  undo: 'nothing is deleted by it, and what is not yet back can be brought back as long as its versions live',
};

/** Those that change something, by which it is done when they print what came of it. */
const changing: ReadonlySet<string> = new Set([
  ...['restore', 'recover', 'basebackup', 'wal', 'sidecar', 'guard', 'expire', 'watch'],
  ...['init', 'install', 'uninstall', 'import', 'accept', 'undo', 'alert-test'],
]);

let running = '';

export function changesSomething(): boolean {
  return changing.has(running);
}

/** Says which command runs. */
export function noteCommand(name: string): void {
  running = name;
}

/** `''` before one runs. */
export function runningCommand(): string {
  return running;
}

/** Adds the words to an error; of a slip in the command line or the settings, nothing could be in doubt. */
export function withSafeWords(error: unknown): unknown {
  if (!(error instanceof OffsiteError) || errorFamilies[error.code] === 'usage') return error;
  return sayWhatIsSafe(error, safeWords[running]);
}
