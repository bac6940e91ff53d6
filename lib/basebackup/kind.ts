// Base backups as a kind of archive: the tar of the data directory is the archive.

import {
  baseBackupKeys,
  baseBackupsPrefix,
  baseBackupVerdictKey,
  baseBackupVerdictsPrefix,
  parseBaseBackupKey,
} from '../archive/base-backup-names.ts';
import type { ArchiveKind } from '../archive/kind.ts';
import { parseBaseBackupManifest } from './manifest.ts';

const parts = { tar: 'archive', manifest: 'manifest', serverManifest: undefined } as const;

export const ofBaseBackups: ArchiveKind = {
  prefix: baseBackupsPrefix,
  verdictsPrefix: baseBackupVerdictsPrefix,
  dueFolder: 'basebackup/',
  keysOf(id) {
    const { tar, manifest } = baseBackupKeys(id);
    return { archive: tar, manifest, verdict: baseBackupVerdictKey(id) };
  },
  besides: (id) => [baseBackupKeys(id).serverManifest],
  parseKey(key) {
    const parsed = parseBaseBackupKey(key);
    const part = parsed && parts[parsed.part];
    return part && { id: parsed.id, part };
  },
  parseManifest: parseBaseBackupManifest,
};
