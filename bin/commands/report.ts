// offsite report

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Settings } from '../../lib/core/config.ts';
import { OffsiteError } from '../../lib/core/errors.ts';
import { summarizeReport } from '../../lib/core/report-summary.ts';
import { openInBrowser } from '../../lib/io/browser.ts';
import { createS3Store } from '../../lib/io/s3-store.ts';
import { drawReport, findReport } from '../../lib/steps/report.ts';
import { readHistory } from '../../lib/steps/report-history.ts';

type Flags = { open?: boolean; output?: string; json?: boolean; force?: boolean };

export async function runReport(settings: Settings, wanted: string | undefined, flags: Flags): Promise<void> {
  const store = createS3Store(settings);
  const { key, report, unreadable } = await findReport(store, settings.source, wanted);
  if (unreadable.length > 0) {
    const those = `${unreadable.length} newer that this version cannot read (${unreadable[0]})`;
    process.stderr.write(`offsite: warning: there are ${those}; 'git pull && npm ci' may help\n`);
  }
  if (flags.json) process.stdout.write(`${JSON.stringify({ key, ...report }, null, 1)}\n`);
  if (flags.output !== undefined || flags.open) {
    const file = await writePage(
      await drawReport(store, { key, report }, settings.region ?? process.env.AWS_REGION),
      flags,
    );
    process.stderr.write(`the page is in ${file}\n`);
    if (flags.open) await openInBrowser(file);
  }
  if (flags.json) return;
  process.stdout.write(summarizeReport(report, await readHistory(store, report), new Date()));
  if (flags.output === undefined && !flags.open) {
    process.stdout.write("\n'offsite report --open' shows it as a page, with pictures.\n");
  }
}

async function writePage(page: string, { output, force }: Flags): Promise<string> {
  // A folder of its own, for this user's eyes; it stays, for the browser reads it when it likes.
  const file = resolve(output ?? join(await mkdtemp(join(tmpdir(), 'offsite-report-')), 'report.html'));
  try {
    await writeFile(file, page, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const exists = code === 'EEXIST';
    throw new OffsiteError(exists ? 'FILE_EXISTS' : 'USAGE', `the page cannot be written to ${file}`, {
      expected: 'a file that is not there yet, in a folder that may be written',
      found: exists ? 'a file of that name' : message,
      hint: exists ? 'choose another name, or say --force' : 'choose another place with --output FILE',
    });
  }
  return file;
}
