// What a restore report says, in words: the mail, the page and the terminal say it alike.

import { parseArchiveId } from '../archive/names.ts';
import { countedTable } from '../archive/verdict.ts';
import { printable } from '../base/printable.ts';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatInstant,
  plural,
} from '../base/quantities.ts';
import { wrap } from '../mail/mail.ts';
import { brokeOff } from './failure-words.ts';
import { recoveryMsOf } from './history.ts';
import type { CheckResult, RestoreReport } from './report.ts';

/** One thing that the test proves, or was to prove. */
export type Proof = {
  readonly state: 'proven' | 'differs' | 'not reached';
  readonly what: string;
  readonly result: string;
};

/** How many checks passed, warned and failed. */
export type Tally = Readonly<Record<CheckResult['outcome'], number>>;

export function tallyOf(checks: readonly CheckResult[]): Tally {
  const tally = { pass: 0, warn: 0, fail: 0 };
  for (const { outcome } of checks) tally[outcome] += 1;
  return tally;
}

/** `19 pass, 1 warns, 1 FAILS`; what did not occur is not named. */
export function describeTally({ pass, warn, fail }: Tally): string {
  const verb = (count: number, word: string) => `${formatCount(count)} ${word}${count === 1 ? 's' : ''}`;
  return [
    pass > 0 ? (pass === 1 ? '1 passes' : `${formatCount(pass)} pass`) : '',
    warn > 0 ? verb(warn, 'warn') : '',
    fail > 0 ? verb(fail, 'fail') : '',
  ]
    .filter(Boolean)
    .join(', ');
}

/** The outcome as a sentence. */
export function headline(report: RestoreReport): string {
  if (report.outcome === 'failed') {
    return brokeOff(report)
      ? 'The restore test broke off: nothing is proven of this archive.'
      : 'This archive did NOT pass its restore test.';
  }
  const { warn } = tallyOf(report.checks);
  if (warn === 0) return 'This archive can be restored.';
  return `This archive can be restored; ${warn === 1 ? 'one check warns' : `${formatCount(warn)} checks warn`}.`;
}

/** Everything that the test proves, each with how it ended. */
export function proofsOf(report: RestoreReport): Proof[] {
  const { comparisons, checks } = report;
  const compared = comparisons.length > 0;
  const objects = comparisons.filter(({ counted }) => counted === 'objects');
  const found = (kind: string) => objects.find(({ what }) => what === kind)?.found ?? 0;
  const state = (same: boolean) => (same ? 'proven' : 'differs');
  const notReached = (what: string): Proof => ({
    state: 'not reached',
    what,
    result: 'the test did not come so far',
  });
  const objectsSame = objects.every(({ same }) => same);
  const tally = tallyOf(checks);
  return [
    counted(report),
    compared ? rowsProof(report) : notReached('rows of every table'),
    compared
      ? {
          state: state(objectsSame),
          what: `${plural(found('indexes'), 'index', 'indexes')}, ${plural(found('constraints'), 'constraint')}`,
          result: objectsSame ? 'all there by name, and all else too' : `not as dumped: ${namesOf(objects)}`,
        }
      : notReached('indexes, constraints and all else'),
    ...(checks.length > 0
      ? [
          {
            state: state(tally.fail === 0),
            what: plural(checks.length, 'check'),
            result: describeTally(tally),
          } as const,
        ]
      : []),
    // The checksum is held against the manifest's at the last byte, before anything is compared.
    compared
      ? { state: 'proven', what: 'the bytes', result: 'sha256 as the agent wrote them' }
      : notReached("the bytes' sha256"),
  ];
}

function counted({ torrents, comparisons }: RestoreReport): Proof {
  const what = `SELECT count(*) FROM ${countedTable};`;
  if (torrents === undefined) return { state: 'not reached', what, result: 'the test did not come so far' };
  const dumped = comparisons.find((one) => one.what === `public.${countedTable}`)?.expected;
  if (dumped === undefined || dumped === torrents) {
    return { state: 'proven', what, result: `${formatCount(torrents)}, as dumped` };
  }
  return {
    state: 'differs',
    what,
    result: `${formatCount(torrents)}, but ${formatCount(dumped)} were dumped`,
  };
}

function rowsProof({ comparisons }: RestoreReport): Proof {
  const tables = comparisons.filter(({ counted }) => counted === 'rows');
  const different = tables.filter(({ same }) => !same);
  const what = plural(tables.length, 'table');
  if (different.length > 0) {
    return { state: 'differs', what, result: `not as dumped: ${namesOf(different)}` };
  }
  const rows = tables.reduce((sum, { found }) => sum + (found ?? 0), 0);
  return { state: 'proven', what, result: `${plural(rows, 'row')}, every table as dumped` };
}

function namesOf(comparisons: RestoreReport['comparisons']): string {
  const names = comparisons.filter(({ same }) => !same).map(({ what }) => what);
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${formatCount(names.length - 3)} more` : shown;
}

/** The proofs as lines of text. */
export function proofTable(proofs: readonly Proof[], width: number): string {
  const signs = { proven: 'ok', differs: 'NO', 'not reached': '-' } as const;
  const widest = Math.max(0, ...proofs.map(({ what }) => what.length));
  return hangingTable(
    proofs.map(({ state, what, result }) => [`${signs[state].padEnd(2)}  ${what.padEnd(widest)}`, result]),
    width,
  );
}

/** Two columns; the following lines of a text stand under its first. A word that is too long stays whole. */
export function hangingTable(rows: readonly (readonly [string, string])[], width: number): string {
  const heading = Math.max(0, ...rows.map(([word]) => word.length)) + 2;
  const margin = ' '.repeat(heading);
  return rows
    .flatMap(([word, text]) => {
      const [first = '', ...rest] = text.split('\n').flatMap((line) => wrap(margin + line, width));
      return [word.padEnd(heading) + first.slice(heading), ...rest];
    })
    .join('\n');
}

const widestName = 30;

/**
 * Checks as lines of text, the gravest first.
 *
 * @param width - What a line may take; the following lines of a detail stand under its first.
 */
export function checkLines(checks: readonly CheckResult[], width: number): string {
  const names = checks.map(({ name }) => name.length).filter((length) => length <= widestName);
  const nameWidth = Math.max(0, ...names);
  const margin = ' '.repeat(nameWidth + 8);
  return byGravity(checks)
    .map(({ name, outcome, detail }) => {
      const head = `${outcome === 'fail' ? 'FAIL' : outcome}  ${printable(name).padEnd(nameWidth)}`;
      const lines = wrap(margin + printable(detail.replaceAll(/\s+/g, ' ').trim()), width).map((line) =>
        line.trimEnd(),
      );
      if (name.length > widestName) return [head, ...lines].join('\n');
      return [head + (lines[0] ?? '').slice(head.length), ...lines.slice(1)].join('\n');
    })
    .join('\n');
}

/** Failed checks, then warnings, then the others, each in their order. */
export function byGravity(checks: readonly CheckResult[]): CheckResult[] {
  const gravity = { fail: 0, warn: 1, pass: 2 } as const;
  return [...checks].sort((one, other) => gravity[one.outcome] - gravity[other.outcome]);
}

export function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
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
