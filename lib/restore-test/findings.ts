// What a restore test is about, and what it knows so far.

import type { Manifest } from '../archive/manifest.ts';
import type { ArchiveId } from '../archive/names.ts';
import type { RestoreReport } from '../report/report.ts';
import type { IntactVerdict } from './judged-archive.ts';

/** What is tested, as its manifest and verdict say. */
export type Subject = {
  readonly id: ArchiveId;
  readonly manifest: Manifest;
  readonly verdict: IntactVerdict;
};

/** A failure reports as much of it as there is. */
export type Findings = {
  -readonly [Key in
    | 'archive'
    | 'serverVersion'
    | 'torrents'
    | 'restoration'
    | 'resources'
    | 'lacks'
    | 'skipped']?: RestoreReport[Key];
} & {
  comparisons: RestoreReport['comparisons'];
  checks: RestoreReport['checks'];
};
