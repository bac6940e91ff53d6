// The dashboard's own database as a kind of archive.

import type { ArchiveKind } from '../archive/kind.ts';
import { parseSidecarManifest } from './manifest.ts';
import { parseSidecarKey, sidecarKeys, sidecarsPrefix, sidecarVerdictsPrefix } from './names.ts';

export const ofSidecar: ArchiveKind = {
  prefix: sidecarsPrefix,
  verdictsPrefix: sidecarVerdictsPrefix,
  dueFolder: 'sidecar/',
  keysOf: sidecarKeys,
  parseKey: parseSidecarKey,
  parseManifest: parseSidecarManifest,
};
