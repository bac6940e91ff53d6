// offsite report

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isStdout } from '../../lib/base/output-file.ts';
import { openInBrowser } from '../../lib/report/page/browser.ts';
import { drawReport, findReport } from '../../lib/report/page/draw.ts';
import { readHistoryIfPossible } from '../../lib/report/page/read-history.ts';
import { summarizeReport } from '../../lib/report/page/terminal.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { usage } from './flags.ts';
import { print, printJson, tell, warn } from './print.ts';
import { writeText } from './report-files.ts';

type Flags = { open?: boolean; output?: string; json?: boolean; force?: boolean };

export async function runReport(settings: Settings, wanted: string | undefined, flags: Flags): Promise<void> {
  const toStdout = flags.output !== undefined && isStdout(flags.output);
  if (toStdout && (flags.json || flags.open)) throw usage('the page alone on stdout', 'more, or a browser');
  const store = createS3Store(settings);
  const { key, report, unreadable } = await findReport(store, settings.source, wanted);
  if (unreadable.length > 0) {
    const those = `${unreadable.length} newer that this version cannot read (${unreadable[0]})`;
    warn(`there are ${those}; 'git pull && npm ci' may help`);
  }
  const drawn = flags.output !== undefined || flags.open;
  if (flags.json) printJson('report', { key, ...report });
  if (flags.json && !drawn) return;
  const history = await readHistoryIfPossible(store, report);
  for (const sentence of history.unread ?? []) warn(sentence);
  if (!flags.json && !toStdout) print(summarizeReport(report, history, new Date()));
  if (drawn) {
    const region = settings.region ?? process.env.AWS_REGION;
    const file = await writePage(drawReport({ report, kept: key }, history, region), flags);
    if (!toStdout) tell(`the page is in ${file}`);
    if (flags.open) warn(await openInBrowser(file));
  } else print("\n'offsite report --open' shows it as a page, with pictures.\n");
}

async function writePage(page: string, { output, force }: Flags): Promise<string> {
  // A folder of its own, for this user's eyes; it stays, for the browser reads it when it likes.
  const file = output ?? join(await mkdtemp(join(tmpdir(), 'offsite-report-')), 'report.html');
  await writeText(file, page, force ?? false);
  return resolve(file);
}
