// Whether offsite restore is to bring back an archive, or the cluster as it was at a point: told by its flags, before what does
// the one or the other is loaded.

import { parseTarget, type RecoveryTarget, type TargetFlags } from '../../lib/recovery-point/target.ts';
import { usage } from './flags.ts';

export type PointFlags = TargetFlags & {
  timeline?: string;
  despiteGap?: boolean;
  dataDirectory?: string;
  tablespaceMapping?: string[];
  quiet?: boolean;
  json?: boolean;
};

/** What belongs to a database that is brought back from an archive. */
const ofArchives = [
  'any',
  'container',
  'user',
  'url',
  'dbname',
  'stop',
  'beside',
  'into',
  'replace',
  'yes',
  'createRoles',
  'jobs',
  'manifest',
];

/** @returns `undefined` where an archive is to be restored. */
export function targetOf(wanted: string | undefined, flags: PointFlags): RecoveryTarget | undefined {
  const target = parseTarget(flags);
  const own = [flags.timeline, flags.dataDirectory, flags.despiteGap, flags.tablespaceMapping].some(
    (flag) => flag !== undefined,
  );
  if (flags.despiteGap && target?.kind !== 'latest')
    throw usage('--despite-gap with --to-latest', 'another point, or none');
  if (target === undefined && (own || wanted === undefined))
    throw usage(
      own
        ? 'a point: --to-time, --to-lsn, --to-name, --to-xid, --immediate or --to-latest'
        : "an archive's id, 'latest' or a FILE",
      'none',
      'see offsite restore --help',
    );
  const strange = ofArchives.filter((name) => (flags as Record<string, unknown>)[name] !== undefined);
  if (target !== undefined && strange.length > 0)
    throw usage(
      'the flags of a point alone',
      `${strange.join(', ')}, which are those of an archive's database`,
    );
  return target;
}
