// offsite restore-test: what the cloud does every quarter, on the operator's machine

import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bitagentChecks } from '../../lib/core/bitagent-checks.ts';
import type { Settings } from '../../lib/core/config.ts';
import { exitCodes, OffsiteError } from '../../lib/core/errors.ts';
import { textTable, wrap } from '../../lib/core/mail.ts';
import { formatBytes, formatCount, formatDuration } from '../../lib/core/quantities.ts';
import { type RestoreReport, serializeRestoreReport } from '../../lib/core/restore-report.ts';
import { countedTable } from '../../lib/core/verdict.ts';
import { createS3Store } from '../../lib/io/s3-store.ts';
import { startContainerPostgres } from '../../lib/io/throwaway-container.ts';
import { startThrowawayPostgres } from '../../lib/io/throwaway-postgres.ts';
import { tryRestore } from '../../lib/steps/restore-test.ts';
import { selectArchive } from '../../lib/steps/select.ts';

type Flags = { docker?: string | true; checks?: string; output?: string; json?: boolean; any?: boolean };

const columns = 80;
const defaultImage = 'postgres:16';

/** Prints the shipped checks, to begin a file of one's own with. */
export function printChecks(): void {
  process.stdout.write(bitagentChecks);
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
  if (warning !== undefined) process.stderr.write(`offsite: warning: ${warning}\n`);
  // No dump can know this name, so nothing in one becomes a superuser's.
  const superuser = `offsite_${randomBytes(8).toString('hex')}`;
  const image = flags.docker === true ? defaultImage : flags.docker;
  const report = await tryRestore({
    store,
    archiveId: id.id,
    startServer: () =>
      image === undefined
        ? startThrowawayPostgres({ tuned: true, superuser, signal })
        : startContainerPostgres({ image, superuser, signal }),
    now: () => new Date(),
    checks,
    log: (line) => process.stderr.write(`${line}\n`),
    signal,
  });
  if (signal.aborted) throw signal.reason;
  const file = await keep(report, flags.output ?? '.');
  process.stdout.write(flags.json ? serializeRestoreReport(report) : summary(report, file));
  if (report.outcome === 'failed') process.exitCode = exitCodes.restore;
}

async function readOwn(file: string): Promise<{ text: string; file: string }> {
  return { text: await readFile(file, 'utf8').catch(unreadable(file)), file };
}

function unreadable(file: string) {
  return (error: Error) => {
    throw new OffsiteError('USAGE', `${file} cannot be used`, {
      expected: 'a file of checks that may be read, and a folder that may be written',
      found: error.message,
      hint: 'see offsite restore-test --help',
    });
  };
}

async function keep(report: RestoreReport, folder: string): Promise<string> {
  const file = join(folder, `${report.id}.restore-test.json`);
  await mkdir(folder, { recursive: true }).catch(unreadable(folder));
  // Names of tables and figures only, but nobody else's business.
  await writeFile(file, serializeRestoreReport(report), { mode: 0o600 }).catch(unreadable(file));
  return file;
}

function summary(report: RestoreReport, file: string): string {
  const { outcome, comparisons, checks, restoration, stages, durationMs } = report;
  const differing = comparisons.filter(({ same }) => !same);
  const tables = comparisons.filter(({ counted }) => counted === 'rows').length;
  const torrents = report.torrents === undefined ? '' : `, ${formatCount(report.torrents)} ${countedTable}`;
  const lines = [
    `${report.id} ${outcome === 'passed' ? 'can be restored' : 'FAILED its restore test'}${torrents}`,
    '',
    ...textTable(stages.map((stage) => [`  ${stage.stage}`, formatDuration(stage.durationMs)])).split('\n'),
    `  in all ${formatDuration(durationMs)}${restored(restoration)}`,
    '',
    `  ${tables} tables compared, ${differing.length} differences`,
    ...differing.map(
      ({ what, expected, found }) => `  ${what}: ${expected} dumped, ${found ?? 'none'} restored`,
    ),
    ...checks.map(({ outcome: said, name, detail }) => `  ${said.padEnd(4)}  ${name}: ${detail}`),
    ...(report.outcome === 'failed' ? failureLines(report.failure) : []),
    '',
    `report: ${file}`,
  ];
  return `${lines.flatMap((line) => wrap(line, columns)).join('\n')}\n`;
}

function restored(restoration: RestoreReport['restoration']): string {
  if (restoration?.databaseBytes === undefined) return '';
  return `; ${formatBytes(restoration.databaseBytes)} of database by ${restoration.sessions} sessions`;
}

function failureLines(failure: Extract<RestoreReport, { outcome: 'failed' }>['failure']): string[] {
  const { code, message, expected, found, hint, statement } = failure;
  const told = { expected, found, ...(statement !== undefined && { statement }), hint };
  return [
    '',
    `${message} [${code}]`,
    ...Object.entries(told).flatMap(([name, text]) =>
      text.split('\n').map((line, index) => `  ${(index === 0 ? name : '').padEnd(9)} ${line}`),
    ),
  ];
}
