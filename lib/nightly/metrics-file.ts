// Where node_exporter's textfile collector finds the metrics: one file for all sources of a host, replaced whole, by one run
// after the other.

import { open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OffsiteError } from '../base/errors.ts';
import { writeOutput } from '../base/output-file.ts';
import { metricsText, parseMetrics, type SourceMetrics } from './metrics.ts';

/** The collector runs as another user. */
const forEverybody = 0o644;

/**
 * Writes the metrics of a source; those of others remain.
 *
 * @param path - A file, or the collector's folder: then `offsite.prom` in it.
 * @returns What to warn of if they could not be written; the file is as it was then.
 */
export async function writeMetrics(
  path: string,
  source: string,
  metricsAfter: (before: SourceMetrics | undefined) => SourceMetrics,
): Promise<string | undefined> {
  try {
    const isFolder = (await stat(path).catch(() => undefined))?.isDirectory();
    const file = isFolder ? join(path, 'offsite.prom') : path;
    await alone(file, async () => {
      const isFile = (await stat(file).catch(() => undefined))?.isFile();
      const sources = parseMetrics(isFile ? await readFile(file, 'utf8').catch(() => '') : '');
      sources.set(source, metricsAfter(sources.get(source)));
      const text = metricsText(sources);
      const options = { force: true, flag: '--metrics-file', mode: forEverybody };
      await writeOutput(file, options, (open) => pipeline(Readable.from([text]), open()));
    });
    return undefined;
  } catch (error) {
    const { message, found } = error as Error & Partial<OffsiteError>;
    return `the metrics were not written: ${message}${found === undefined ? '' : ` (${found})`}`;
  }
}

/** Nobody holds it for longer, but one who was killed. */
const heldForMs = 30_000;

/** Two sources whose runs end at once would both read the file of before, and one would take the other's figures away. */
async function alone(file: string, act: () => Promise<void>): Promise<void> {
  const lock = `${file}.lock`;
  const isLeft = async () => {
    const held = await stat(lock).catch(() => undefined);
    return held !== undefined && Date.now() - held.mtimeMs > heldForMs;
  };
  for (;;) {
    try {
      await (await open(lock, 'wx')).close();
      break;
    } catch (error) {
      // A folder that cannot be written to, or is none: writing the file itself says so best.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return act();
      if (!(await isLeft())) await sleep(20);
      // By one of those who saw it: the next would remove what the first has taken since.
      else await alone(lock, async () => ((await isLeft()) ? rm(lock, { force: true }) : undefined));
    }
  }
  try {
    await act();
  } finally {
    await rm(lock, { force: true });
  }
}
