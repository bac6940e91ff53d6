// The dashboard's own database as a kind of archive.

import { byteVerdictSchema } from '../archive/byte-verdict.ts';
import type { ByteKind } from '../archive/kind.ts';
import { sidecarRecords } from './manifest.ts';
import { parseSidecarKey, sidecarKeys, sidecarsPrefix, sidecarVerdictsPrefix } from './names.ts';

export const ofSidecar: ByteKind = {
  name: 'sidecar',
  words: {
    named: "archive of the dashboard's database",
    again: 'offsite sidecar backup',
    list: 'offsite sidecar list',
    undoFlag: ' --sidecar',
    damaged: 'It is not the database that was copied. It must not be relied upon.',
    unconcerned: "BitAgent's archives are not concerned.",
    advice: 'take a new one (offsite sidecar backup).',
    rest: "Retention does not count it as intact; 'latest' stays the newest intact one (offsite sidecar list).",
  },
  prefix: sidecarsPrefix,
  verdictsPrefix: sidecarVerdictsPrefix,
  dueFolder: 'sidecar/',
  keysOf: sidecarKeys,
  parseKey: parseSidecarKey,
  records: sidecarRecords,
  verdictSchema: byteVerdictSchema,
};
