// offsite restore-test: what the cloud does every quarter, on the operator's machine

import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { selectArchive } from '../../lib/archive/select.ts';
import { describeError, exitCodes, OffsiteError } from '../../lib/base/errors.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import { openInBrowser } from '../../lib/page/browser.ts';
import { renderPage } from '../../lib/page/page.ts';
import { readSource } from '../../lib/page/read-source.ts';
import type { SourceView } from '../../lib/page/view.ts';
import { startThrowawayPostgres, unknownSuperuser } from '../../lib/postgres/throwaway.ts';
import { startContainerPostgres } from '../../lib/postgres/throwaway-container.ts';
import type { RestoreReport } from '../../lib/report/report.ts';
import { summarizeReport } from '../../lib/report/terminal.ts';
import { bitagentChecks } from '../../lib/restore-test/bitagent-checks.ts';
import { readIntactVerdict } from '../../lib/restore-test/judged-archive.ts';
import { tryRestore } from '../../lib/restore-test/restore-test.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { print, printJson, tell, warn } from './print.ts';
import { pricedRegion } from './region.ts';
import { keepReportFile, type ReportFiles, reserveReportFiles } from './report-files.ts';

type Flags = {
  docker?: string | true;
  checks?: string;
  output?: string;
  force?: boolean;
  open?: boolean;
  json?: boolean;
};

const defaultImage = 'postgres:16';

/** Prints the shipped checks, to begin a file of one's own with. */
export function printChecks(): void {
  print(bitagentChecks);
}

export async function runRestoreTest(
  settings: Settings,
  wanted: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const store = createS3Store(settings);
  const checks = flags.checks === undefined ? undefined : await readOwn(flags.checks);
  const { id, warning } = await selectArchive(store, settings.source, wanted, false);
  warn(warning);
  // Without a verdict there is nothing to compare with: nothing is started, and no file made.
  await readIntactVerdict(store, id);
  const files = await reserveReportFiles(flags.output ?? '.', id.id, flags.force ?? false);
  const report = await restoreHere(store, id.id, { checks, docker: flags.docker, signal });
  if (signal.aborted) throw signal.reason;
  const region = pricedRegion(settings);
  const view = await readSource(store, { source: id.source, region, now: new Date() });
  for (const sentence of view.unread) warn(sentence);
  // Whatever becomes of the files, the outcome has been said.
  if (flags.json) printJson('restore-test', report);
  else print(summarizeReport(report, view.tests, view.drawnAt));
  const trouble = await keepAndShow(report, view, files, flags);
  if (report.outcome === 'failed') process.exitCode = exitCodes.restore;
  else if (trouble !== undefined) process.exitCode = trouble.exitCode;
}

function restoreHere(
  store: ArchiveStore,
  archiveId: string,
  { checks, docker, signal }: Pick<Flags, 'docker'> & { checks?: OwnChecks | undefined; signal: AbortSignal },
): Promise<RestoreReport> {
  const superuser = unknownSuperuser();
  const image = docker === true ? defaultImage : docker;
  return tryRestore({
    store,
    archiveId,
    startServer: () =>
      image === undefined
        ? startThrowawayPostgres({ tuned: true, superuser, signal })
        : startContainerPostgres({ image, superuser, signal }),
    now: () => new Date(),
    checks,
    log: (line) => tell(line),
    signal,
  });
}

type OwnChecks = { readonly text: string; readonly file: string };

async function readOwn(file: string): Promise<OwnChecks> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new OffsiteError('USAGE', `${file} cannot be used`, {
      expected: 'a file of checks that may be read',
      found: error.message,
      hint: 'see offsite restore-test --help',
    });
  });
  return { text, file };
}

/** Keeps the report and its page, and opens it where that is wanted. @returns The first that went wrong; it was told. */
async function keepAndShow(
  report: RestoreReport,
  view: SourceView,
  files: ReportFiles,
  { force = false, open, json }: Flags,
): Promise<OffsiteError | undefined> {
  const text = jsonText(report);
  const kept = await keepReportFile(files.report, text, force);
  const name = kept.file === undefined ? 'not kept' : `${basename(kept.file)}, beside this page`;
  const drawn = renderPage([{ ...view, shown: { report, kept: name } }]);
  const page = await keepReportFile(files.page, drawn, force);
  if (kept.file === undefined && !json) print(`\n${text}`);
  tell(['', ...told('report', kept.file), ...told('page', page.file)].join('\n'));
  const troubles = [kept.trouble, page.trouble].filter((trouble) => trouble !== undefined);
  if (open && page.file !== undefined) {
    warn(await openInBrowser(resolve(page.file)));
  }
  for (const trouble of troubles) tell(describeError(trouble));
  return troubles[0];
}

function told(what: string, file: string | undefined): string[] {
  return file === undefined ? [] : [`${what.padEnd(7)} ${file}`];
}
