import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { rowsOf } from '../../lib/archive/inventory.ts';
import { countedTable } from '../../lib/archive/verdict.ts';
import { exitCodeOf } from '../../lib/base/errors.ts';
import { fileError } from '../../lib/base/named-file.ts';
import { formatCount, formatInstant, plural } from '../../lib/base/quantities.ts';
import { shellWord } from '../../lib/base/shell-word.ts';
import { dateOfName, parseInstant } from '../../lib/import/date.ts';
import { type Imported, importDump } from '../../lib/import/import.ts';
import { type Known, noteKnown, readKnown } from '../../lib/import/known.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { fail } from './ending.ts';
import { usage } from './flags.ts';
import { print, printJson, warn } from './print.ts';
import { noProgress, showProgress } from './progress.ts';
import { importWords } from './reading-progress.ts';

type Flags = {
  date?: string;
  zone?: string;
  operatorProfile?: string;
  dryRun?: boolean;
  json?: boolean;
  quiet?: boolean;
};

export async function runImport(
  settings: Settings,
  files: readonly string[],
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const zone = zoneOf(flags.zone);
  if (flags.date !== undefined && files.length > 1)
    throw usage('--date with one FILE', `${files.length} of them`);
  const dated = flags.date === undefined ? undefined : parseInstant(flags.date);
  const store = createS3Store(settings);
  const profile = flags.operatorProfile ?? settings.profile;
  const known = await readKnown(createS3Store({ ...settings, profile }), settings.source);
  const results: (Imported & { file: string })[] = [];
  for (const file of files) {
    const progress = flags.quiet ? noProgress : showProgress(basename(file), importWords);
    try {
      const takenAt = await takenAtOf(file, zone, dated);
      const { source } = settings;
      const { update: onProgress, expect: onJudged } = progress;
      const dryRun = flags.dryRun ?? false;
      const imported = await importDump({
        store,
        source,
        file,
        takenAt,
        known,
        dryRun,
        signal,
        onProgress,
        onJudged,
      });
      results.push({ file, ...imported });
      progress.clear();
      if (!flags.json) print(`${sentence(file, imported, takenAt, known)}\n`);
    } catch (error) {
      progress.clear();
      signal.throwIfAborted();
      // The others may be whole.
      process.exitCode ??= exitCodeOf(error);
      fail(error);
    }
  }
  if (!flags.dryRun) warn(await noteKnown(settings.source, known));
  if (flags.json)
    printJson(
      'import',
      results.map(({ file, outcome, id }) => ({ file, outcome, id })),
    );
  else print(`${summary(results, files.length)}\n`);
}

/** @throws {@link OffsiteError} `USAGE` */
async function takenAtOf(file: string, zone: string, dated: Date | undefined): Promise<Date> {
  const stats = await stat(file).catch((error) => {
    throw fileError(error, file);
  });
  if (!stats.isFile())
    throw usage(
      'a .sql.gz file',
      `${file}, which is ${stats.isDirectory() ? 'a folder' : 'no file'}`,
      stats.isDirectory()
        ? `name the files in it: ${shellWord(file)}/*.sql.gz`
        : `write it to a file first: cat ${shellWord(file)} > dump.sql.gz`,
    );
  const takenAt = dated ?? dateOfName(basename(file), zone);
  if (takenAt === undefined) {
    throw usage(
      'a date in the name, as in bitagent-2026-11-08-0315.sql.gz, or --date',
      basename(file),
      'say when it was taken: --date 2026-11-08T03:15+01:00',
    );
  }
  if (takenAt.getTime() <= Date.now()) return takenAt;
  throw usage(
    'a dump that was taken',
    `${basename(file)}, of ${formatInstant(takenAt)}, which is yet to come`,
    'is it the time of another zone? say --zone, or --date',
  );
}

/** A script's `date` is the host's local time. */
function zoneOf(named: string | undefined): string {
  const zone = named ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    throw usage('--zone with the name of a time zone: UTC, Europe/Berlin', `'${zone}'`);
  }
}

function sentence(
  file: string,
  { outcome, id, inventory }: Imported,
  takenAt: Date,
  { isOfVault }: Known,
): string {
  // Retention may have taken it since.
  const as = outcome === 'already there' && !isOfVault ? ', as this host has noted' : '';
  const torrents = rowsOf(inventory, countedTable);
  const counted = torrents === undefined ? '' : `, ${formatCount(torrents)} ${countedTable}`;
  return `${basename(file)}  ${outcome}${as}: ${id}${counted} (${formatInstant(takenAt)})`;
}

function summary(results: readonly Imported[], files: number): string {
  const count = (outcome: Imported['outcome']) => results.filter((one) => one.outcome === outcome).length;
  const said = (['imported', 'would be imported', 'already there'] as const)
    .filter((outcome) => count(outcome) > 0)
    .map((outcome) => `${count(outcome)} ${outcome}`);
  const refused = files - results.length;
  return `${plural(files, 'file')}: ${[...said, ...(refused > 0 ? [`${refused} not imported`] : [])].join(', ')}`;
}
