import type { Standing } from '../../lib/archive/catalogue-of.ts';
import { exitCodes } from '../../lib/base/errors.ts';
import { formatAge, formatInstant } from '../../lib/base/quantities.ts';
import { textTable } from '../../lib/mail/mail.ts';
import { isBroken, logWord, windowOf } from '../../lib/recovery-point/way.ts';
import { type BaseBackupWindow, readWindows } from '../../lib/recovery-point/windows.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { settledMinutes } from '../../lib/wal/settled.ts';
import { print, printJson, tell } from './print.ts';

/** @param json - Print JSON. */
export async function runWindow(
  store: ArchiveStore,
  source: string,
  json = false,
  now = new Date(),
): Promise<void> {
  const windows = await readWindows(store, source, now);
  if (windows.some((window) => logWord(window) === 'broken off')) process.exitCode = exitCodes.notIntact;
  if (json) return printJson('wal window', windows.map(describeWindow));
  if (windows.length === 0)
    return tell(`no base backup of ${source} yet: 'offsite basebackup' takes one, for points from then on`);
  showWindows(windows, now);
}

const useless: ReadonlySet<Standing> = new Set(['damaged', 'incomplete', 'missing']);

/** As a table, and what is missing. */
export function showWindows(windows: readonly BaseBackupWindow[], now: Date): void {
  const rows = windows.map((window) => [
    window.base.id.id,
    formatInstant(windowOf(window).from),
    `${windowOf(window).toLsn}, timeline ${window.timeline}`,
    window.storedAt === undefined ? 'nothing' : formatAge(window.storedAt, now),
    window.standing,
    logWord(window),
  ]);
  print(`${textTable([['base backup', 'points since', 'up to', 'stored', 'verdict', 'log'], ...rows])}\n`);
  for (const window of windows.filter((one) => logWord(one) !== 'whole')) tell(brokenOff(window));
  for (const sentence of windows.slice(0, 1).flatMap(besides)) tell(sentence);
  for (const { base, standing } of windows.filter(({ standing }) => useless.has(standing)))
    tell(
      `${base.id.id}  is ${standing}: no point can be recovered from it; 'offsite basebackup' takes another`,
    );
}

/** A recovery that is tried and archives takes the way along, until a base backup of the server leads past it. */
function besides({ base, timeline: followed, leaves }: BaseBackupWindow): string[] {
  return leaves
    .filter(({ timeline }) => timeline < followed)
    .map(
      ({ timeline, upTo }) =>
        `${base.id.id}  timeline ${timeline} goes on to ${upTo}, beside timeline ${followed}, which is followed: if the server is on timeline ${timeline}, and the other that of a recovery which was tried, 'offsite basebackup' of the server is followed from then on`,
    );
}

function brokenOff(window: BaseBackupWindow): string {
  const { base, continuity, arriving } = window;
  if (!isBroken(window)) return lackingOwn(window);
  const { missing, missingCount, conflicting, damaged } = continuity;
  const more = missingCount > missing.length ? ` and ${missingCount - missing.length} more` : '';
  const faults = [
    missingCount > 0 ? `missing ${missing.join(', ')}${more}` : '',
    damaged.length > 0 ? `damaged ${damaged.join(', ')}` : '',
    conflicting.length > 0 ? `with different bytes ${conflicting.join(', ')}` : '',
  ];
  const meaning = arriving
    ? `not stored yet, though a later one is, since less than ${settledMinutes} minutes: no later point can be recovered until it is there`
    : 'no later point can be recovered from it';
  return `${base.id.id}  ${faults.filter(Boolean).join('; ')}: ${meaning}`;
}

function lackingOwn(window: BaseBackupWindow): string {
  const { fromLsn, toLsn } = windowOf(window);
  return `${window.base.id.id}  needs the log up to ${fromLsn}, and the vault has it up to ${toLsn}: no point can be recovered from it until that is shipped ('offsite doctor --pitr' says what holds it up)`;
}

/** For a program. */
export function describeWindow(window: BaseBackupWindow) {
  const { base, timeline, continuity, storedAt, arriving, standing, leaves } = window;
  const { from, fromLsn, toLsn } = windowOf(window);
  const { missing, missingCount, conflicting, damaged } = continuity;
  return {
    id: base.id.id,
    verdict: standing,
    systemIdentifier: base.manifest.cluster.systemIdentifier,
    from: from.toISOString(),
    fromLsn,
    toLsn,
    timeline,
    log: logWord(window),
    storedAt: storedAt?.toISOString() ?? null,
    missing,
    missingCount,
    conflicting,
    damaged,
    arriving,
    beside: leaves,
  };
}
