// Base backups as a kind of archive: the tar of the data directory is the archive.

import {
  baseBackupKeys,
  baseBackupsPrefix,
  baseBackupVerdictsPrefix,
  parseBaseBackupKey,
} from '../archive/base-backup-names.ts';
import { byteVerdictSchema } from '../archive/byte-verdict.ts';
import type { ByteKind } from '../archive/kind.ts';
import { baseBackupRecords } from './manifest.ts';

export const ofBaseBackups: ByteKind = {
  name: 'base backup',
  words: {
    named: 'base backup',
    again: 'offsite basebackup',
    list: 'offsite wal window',
    undoFlag: ' --base-backup',
    damaged: 'It is not what the server gave. No recovery must begin with it.',
    unconcerned: 'The nightly archives are not concerned.',
    advice:
      'take a new one (offsite basebackup). Points from this one on can still be recovered from an older one, along the log, which takes longer (offsite wal window).',
    rest: 'Retention does not count it: older ones, and the log since them, stay.',
  },
  prefix: baseBackupsPrefix,
  verdictsPrefix: baseBackupVerdictsPrefix,
  dueFolder: 'basebackup/',
  keysOf: baseBackupKeys,
  besides: (id) => [baseBackupKeys(id).serverManifest],
  parseKey: parseBaseBackupKey,
  records: baseBackupRecords,
  verdictSchema: byteVerdictSchema,
};
