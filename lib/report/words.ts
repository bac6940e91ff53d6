// What a restore report says, in words: the mail, the page and the terminal say it alike.

import { parseArchiveId } from '../archive/names.ts';
import { countedTable } from '../archive/verdict.ts';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatInstant,
  plural,
} from '../base/quantities.ts';
import { describeTally, tallyOf } from './check-words.ts';
import { brokeOff } from './failure-words.ts';
import { recoveryMsOf } from './history.ts';
import { hangingTable } from './layout.ts';
import { pointProof } from './point-words.ts';
import type { RestoreReport } from './report.ts';

/** One thing that the test proves, or was to prove. */
export type Proof = {
  readonly state: 'proven' | 'differs' | 'not reached' | 'skipped';
  readonly what: string;
  readonly result: string;
};

function proof(state: Proof['state'], what: string, result: string): Proof {
  return { state, what, result };
}

const notReached = (what: string) => proof('not reached', what, 'the test did not come so far');

/** The outcome as a sentence. */
export function headline(report: RestoreReport): string {
  if (report.outcome === 'failed') {
    return brokeOff(report)
      ? 'The restore test broke off: nothing is proven of this archive.'
      : 'This archive did NOT pass its restore test.';
  }
  const { warn } = tallyOf(report.checks);
  const statements = report.skipped?.statements ?? 0;
  const clauses = [
    warn === 0 ? '' : `; ${warn === 1 ? 'one check warns' : `${formatCount(warn)} checks warn`}`,
    statements === 0
      ? ''
      : `; ${plural(statements, 'statement')} of the dump ${statements === 1 ? 'was' : 'were'} skipped`,
  ];
  const but = report.point?.outcome === 'failed' ? '; the recovery to a point FAILED' : '';
  return `This archive can be restored${clauses.join('')}${but}.`;
}

/** Everything that the test proves, each with how it ended. */
export function proofsOf(report: RestoreReport): Proof[] {
  const { comparisons, checks } = report;
  const compared = comparisons.length > 0;
  const objects = comparisons.filter(({ counted }) => counted === 'objects');
  const found = (kind: string) => objects.find(({ what }) => what === kind)?.found ?? 0;
  const state = (same: boolean) => (same ? ('proven' as const) : ('differs' as const));
  const objectsSame = objects.every(({ same }) => same);
  const tally = tallyOf(checks);
  return [
    counted(report),
    compared ? rowsProof(report) : notReached('rows of every table'),
    compared
      ? proof(
          state(objectsSame),
          `${plural(found('indexes'), 'index', 'indexes')}, ${plural(found('constraints'), 'constraint')}`,
          objectsSame ? 'all there by name, and all else too' : `not as dumped: ${namesOf(objects)}`,
        )
      : notReached('indexes, constraints and all else'),
    ...(checks.length > 0
      ? [proof(state(tally.fail === 0), plural(checks.length, 'check'), describeTally(tally))]
      : []),
    // The checksum is held against the manifest's at the last byte, before anything is compared.
    compared
      ? proof('proven', 'the bytes', 'sha256 as the agent wrote them')
      : notReached("the bytes' sha256"),
    ...(report.lacks === undefined ? [] : [lacksProof(report.lacks)]),
    ...(report.skipped === undefined ? [] : [skippedProof(report.skipped)]),
    ...(report.point === undefined ? [] : [pointProof(report.point)]),
  ];
}

function counted({ outcome, torrents, comparisons }: RestoreReport): Proof {
  const what = `SELECT count(*) FROM ${countedTable};`;
  if (typeof torrents !== 'number') {
    return outcome === 'passed'
      ? proof('skipped', what, 'the dump has no such table, and was accepted without')
      : notReached(what);
  }
  const dumped = comparisons.find((one) => one.what === `public.${countedTable}`)?.expected;
  if (dumped === undefined || dumped === torrents) {
    return proof('proven', what, `${formatCount(torrents)}, as dumped`);
  }
  return proof('differs', what, `${formatCount(torrents)}, but ${formatCount(dumped)} were dumped`);
}

function rowsProof({ comparisons }: RestoreReport): Proof {
  const tables = comparisons.filter(({ counted }) => counted === 'rows');
  const different = tables.filter(({ same }) => !same);
  const what = plural(tables.length, 'table');
  if (different.length > 0) return proof('differs', what, `not as dumped: ${namesOf(different)}`);
  const rows = tables.reduce((sum, { found }) => sum + (found ?? 0), 0);
  return proof('proven', what, `${plural(rows, 'row')}, every table as dumped`);
}

function namesOf(comparisons: RestoreReport['comparisons']): string {
  const names = comparisons.filter(({ same }) => !same).map(({ what }) => what);
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${formatCount(names.length - 3)} more` : shown;
}

function lacksProof(lacks: NonNullable<RestoreReport['lacks']>): Proof {
  const kinds = [...new Set(lacks.map(({ what }) => what))].join(', ');
  return proof('differs', 'what archives before had', `gone from this dump: ${kinds}`);
}

/** What the test's own server cannot do is no fault of the archive, and no proof for it. */
function skippedProof({ statements, first }: NonNullable<RestoreReport['skipped']>): Proof {
  const named = first.slice(0, 3).map(({ what, why }) => `${what} (${why})`);
  const more = statements > named.length ? ` and ${formatCount(statements - named.length)} more` : '';
  return proof('skipped', plural(statements, 'statement'), `skipped, not tested: ${named.join(', ')}${more}`);
}

/** What was skipped, line by line, as far as the report names it. */
export function skippedRows({ first }: NonNullable<RestoreReport['skipped']>): [string, string][] {
  return first.map(({ line, what, why }) => [`line ${formatCount(line)}`, `${what}: ${why}`]);
}

/** The proofs as lines of text. */
export function proofTable(proofs: readonly Proof[], width: number): string {
  const signs = { proven: 'ok', differs: 'NO', 'not reached': '-', skipped: '-' } as const;
  const widest = Math.max(0, ...proofs.map(({ what }) => what.length));
  return hangingTable(
    proofs.map(({ state, what, result }) => [`${signs[state].padEnd(2)}  ${what.padEnd(widest)}`, result]),
    width,
  );
}

/** Debian adds the package's version in parentheses. */
export function shortVersion(version: string): string {
  return version.split(' ')[0] ?? version;
}

/** What was tested, where and with what, as pairs of a word and its value. */
export function particularsOf(report: RestoreReport): [string, string][] {
  const { id, archive, serverVersion, restoration, resources, task } = report;
  const { takenAt } = parseArchiveId(id);
  const started = new Date(report.startedAt);
  const pairs: [string, string | undefined][] = [
    ['archive', id],
    ['dumped', formatInstant(takenAt)],
    ['tested', `${formatInstant(started)}, ${formatAge(takenAt, started)} after the dump`],
    ['took', `${formatDuration(report.durationMs)} in all`],
    ['restored', describeRestoration(report)],
    ['database', bytesOr(restoration?.databaseBytes, 'on disk')],
    [
      'bytes',
      archive &&
        `${formatBytes(archive.compressedBytes)} compressed, ${formatBytes(archive.plainBytes)} plain`,
    ],
    ['object', archive?.key],
    ['version', archive && (archive.versionId ?? 'none: the bucket keeps no versions')],
    ['ETag', archive?.etag],
    ['server', serverVersion && `PostgreSQL ${shortVersion(serverVersion)}, thrown away afterwards`],
    [
      'task',
      task &&
        `${task.vcpu} vCPU, ${formatBytes(task.memoryMib * 2 ** 20)} memory, ${task.volume?.sizeGib ?? task.storageGib} GiB disk`,
    ],
    ['memory', bytesOr(resources?.peakMemoryBytes, 'at most, of the program itself')],
    ['disk', resources && describeDisk(resources)],
    ['tool', `bitagent-offsite ${report.toolVersion}`],
  ];
  return pairs.filter((pair): pair is [string, string] => Boolean(pair[1]));
}

function describeRestoration(report: RestoreReport): string | undefined {
  const { outcome, restoration } = report;
  const within = outcome === 'passed' ? `in ${formatDuration(recoveryMsOf(report))}` : undefined;
  const way = restoration && describeWay(restoration);
  return [within, way].filter(Boolean).join(', ');
}

function describeWay({ way, because, sessions }: NonNullable<RestoreReport['restoration']>): string {
  if (way === 'parallel') return `by ${plural(sessions, 'session')} at the same time`;
  return `by one session, as psql alone would${because === undefined ? '' : `: ${because}`}`;
}

function describeDisk({
  peakDiskBytes,
  diskBytes,
}: NonNullable<RestoreReport['resources']>): string | undefined {
  if (peakDiskBytes === undefined) return undefined;
  const free = diskBytes === undefined ? '' : ` of ${formatBytes(diskBytes)}`;
  return `${formatBytes(peakDiskBytes)}${free} at most`;
}

function bytesOr(bytes: number | undefined, what: string): string | undefined {
  return bytes === undefined ? undefined : `${formatBytes(bytes)} ${what}`;
}
