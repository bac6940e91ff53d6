// Base backups as a kind of archive: the tar of the data directory is the archive.

import {
  baseBackupKeys,
  baseBackupsPrefix,
  baseBackupVerdictsPrefix,
  parseBaseBackupKey,
} from '../archive/base-backup-names.ts';
import type { ArchiveKind } from '../archive/kind.ts';
import { parseBaseBackupManifest } from './manifest.ts';

export const ofBaseBackups: ArchiveKind = {
  prefix: baseBackupsPrefix,
  verdictsPrefix: baseBackupVerdictsPrefix,
  dueFolder: 'basebackup/',
  keysOf: baseBackupKeys,
  besides: (id) => [baseBackupKeys(id).serverManifest],
  parseKey: parseBaseBackupKey,
  parseManifest: parseBaseBackupManifest,
};
