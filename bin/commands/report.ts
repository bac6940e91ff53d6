import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { baseBackupsPrefix } from '../../lib/archive/base-backup-names.ts';
import { byAge } from '../../lib/archive/catalogue-of.ts';
import { archivesPrefix } from '../../lib/archive/names.ts';
import { sourcesBelow } from '../../lib/archive/read-catalogue.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { isStdout } from '../../lib/base/output-file.ts';
import { formatInstant } from '../../lib/base/quantities.ts';
import { openInBrowser } from '../../lib/page/browser.ts';
import { renderPage } from '../../lib/page/page.ts';
import { readSource } from '../../lib/page/read-source.ts';
import type { SourceView } from '../../lib/page/view.ts';
import { logWord, windowOf } from '../../lib/recovery-point/way.ts';
import { findReport } from '../../lib/report/read-reports.ts';
import { summarizeReport } from '../../lib/report/terminal.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { usage } from './flags.ts';
import { standingOf } from './listing.ts';
import { print, printJson, tell, warn } from './print.ts';
import { pricedRegion } from './region.ts';
import { writeText } from './report-files.ts';
import { retyped } from './retyped.ts';

type Flags = { all?: boolean; open?: boolean; output?: string; json?: boolean; force?: boolean };

/** @param all - Of one source, or with `--all` of each that the settings file has. */
export async function runReport(
  all: readonly Settings[],
  asked: string | undefined,
  flags: Flags,
): Promise<void> {
  // As of every other command, it is what is meant where none is named.
  const wanted = asked === 'latest' ? undefined : asked;
  const toStdout = flags.output !== undefined && isStdout(flags.output);
  if (toStdout && (flags.json || flags.open)) throw usage('the page alone on stdout', 'more, or a browser');
  if (flags.all && (flags.json || wanted !== undefined))
    throw usage('--all without --json and without an id', flags.json ? '--json' : String(wanted));
  const drawn = flags.output !== undefined || flags.open;
  const views: SourceView[] = [];
  for (const settings of flags.all ? await everySource(all) : all) {
    const found = await newestReport(settings, wanted, flags.all ?? false, flags.json ?? false);
    if (flags.json && found !== undefined) printJson('report', { key: found.kept, ...found.report });
    if (flags.json && !drawn) return;
    const view = await viewOf(settings, found, flags.all ?? false);
    for (const sentence of view.unread) warn(sentence);
    if (!flags.json && !toStdout) print(`${views.length > 0 ? '\n' : ''}${summaryOf(view)}`);
    views.push(view);
  }
  if (drawn) {
    const file = await writePage(renderPage(views), flags);
    if (!toStdout) tell(`the page is in ${file}`);
    if (flags.open) warn(await openInBrowser(file));
  } else print(retyped("\n'offsite report --open' shows it as a page: every night, its tests, its cost.\n"));
}

/** Those of the settings, and what else lies in their vaults. */
async function everySource(all: readonly Settings[]): Promise<Settings[]> {
  const keyOf = ({ bucket, endpoint = '', source }: Settings) => `${endpoint} ${bucket} ${source}`;
  const found = new Map(all.map((settings) => [keyOf(settings), settings]));
  for (const settings of all) {
    for (const source of await sourcesIn(createS3Store(settings))) {
      const one = { ...settings, source };
      if (!found.has(keyOf(one))) found.set(keyOf(one), one);
    }
  }
  return [...found.values()];
}

/** @returns `undefined` where none is there, and none is asked for. */
async function newestReport(
  settings: Settings,
  wanted: string | undefined,
  isOneOfMany: boolean,
  mustBe: boolean,
): Promise<SourceView['shown']> {
  const store = createS3Store(settings);
  try {
    const { key, report, unreadable } = await findReport(store, settings.source, wanted);
    if (unreadable.length > 0) {
      const those = `${unreadable.length} newer that this version cannot read (${unreadable[0]})`;
      warn(`there are ${those}; 'git pull && npm ci' may help`);
    }
    return { report, kept: key };
  } catch (error) {
    const isMissing = error instanceof OffsiteError && error.code === 'REPORT_MISSING';
    if (!isMissing || wanted !== undefined || mustBe) throw error;
    // Archives without a test have a page, too.
    if (!isOneOfMany && !(await sourcesIn(store)).includes(settings.source)) throw error;
    return undefined;
  }
}

/** Whose nights are dumps, and those that have points in time alone. */
function sourcesIn(store: ArchiveStore): Promise<string[]> {
  return sourcesBelow(store, archivesPrefix, baseBackupsPrefix);
}

function viewOf(settings: Settings, shown: SourceView['shown'], isOneOfMany: boolean): Promise<SourceView> {
  // An id says its own source.
  const source = isOneOfMany ? settings.source : (shown?.report.source ?? settings.source);
  const region = pricedRegion(settings);
  return readSource(createS3Store(settings), { source, shown, region, now: new Date() });
}

function summaryOf({ source, entries, tests, shown, windows, drawnAt }: SourceView): string {
  const listing = {
    kind: 'database',
    entries: byAge(entries),
    latest: undefined,
    kept: new Map(),
    tests,
  } as const;
  return [
    ...(shown === undefined ? [] : [summarizeReport(shown.report, tests, drawnAt)]),
    ...(entries.length + windows.length === 0 ? [] : [`${standingOf(source, listing, drawnAt, 80)}\n`]),
    ...windows.slice(0, 1).map(pointsOf),
  ].join('\n');
}

function pointsOf(window: SourceView['windows'][number]): string {
  const log = `points in time from ${formatInstant(windowOf(window).from)} on, their log is ${logWord(window)}`;
  return retyped(`${window.base.id.id}: ${log}\n'offsite wal window' shows each base backup.\n`);
}

async function writePage(page: string, { output, force }: Flags): Promise<string> {
  // A folder of its own, for this user's eyes; it stays, for the browser reads it when it likes.
  const file = output ?? join(await mkdtemp(join(tmpdir(), 'offsite-report-')), 'report.html');
  await writeText(file, page, force ?? false);
  return resolve(file);
}
