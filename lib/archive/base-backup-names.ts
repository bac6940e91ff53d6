// Names of base backups in the store: under a prefix of their own, with ids as archives have them.

import { manifestSuffix, namesOf } from './names.ts';

export const baseBackupsPrefix = 'basebackups/';
export const baseBackupVerdictsPrefix = 'basebackup-verdicts/';

export const { keysOf: baseBackupKeys, parseKey: parseBaseBackupKey } = namesOf({
  /** The data directory as pg_basebackup gives it: a tar. */
  archive: [baseBackupsPrefix, '.tar.gz'],
  /** What the server says that is in it, as it says it. */
  serverManifest: [baseBackupsPrefix, '.backup_manifest'],
  manifest: [baseBackupsPrefix, manifestSuffix],
  verdict: [baseBackupVerdictsPrefix, '.json'],
});
