import type { ArchiveId } from '../../lib/archive/names.ts';
import { archiveSuffix } from '../../lib/archive/names.ts';
import { selectArchive } from '../../lib/archive/select.ts';
import {
  assertOutput,
  filePlaceOf,
  isStdout,
  type OutputOptions,
  outputError,
  writeOutput,
} from '../../lib/base/output-file.ts';
import { formatBytes, formatDuration } from '../../lib/base/quantities.ts';
import { type FetchedFile, fetchFile, fetchTo } from '../../lib/restore/fetch.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { usage, wholeNumber } from './flags.ts';
import { assertStdoutIsOpen, printJson, tell, warn } from './print.ts';
import { fetchWords, type Meter, whileReading } from './reading-progress.ts';
import { openStoreToRead } from './reading-store.ts';

type Flags = {
  output?: string;
  connections: string;
  resume?: boolean;
  force?: boolean;
  any?: boolean;
  json?: boolean;
  quiet?: boolean;
};

export async function runFetch(
  settings: Settings,
  wanted: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  const connections = wholeNumber('--connections', flags.connections, { most: 64, example: 4 });
  const options = { force: flags.force ?? false, flag: '-o FILE' };
  await assertDestination(flags, options);
  const { store, said } = await openStoreToRead(settings);
  const { id, warning } = await selectArchive(store, settings.source, wanted, flags.any ?? false);
  warn(warning);
  const output = flags.output ?? `${id.id}${archiveSuffix}`;
  const fetched = await whileReading({ name: id.id, words: fetchWords, quiet: flags.quiet }, (meter) => {
    said.by = meter.say;
    const { bucket } = settings;
    return fetchInto(output, options, {
      meter,
      store: meter.store(store),
      bucket,
      id,
      connections,
      signal,
      flags,
    });
  });
  tellResult(id, output, fetched, Math.round(performance.now() - began), flags);
}

/** @throws {@link OffsiteError} `USAGE`, `FILE_EXISTS` before anything is asked of the store. */
async function assertDestination({ output, json, resume }: Flags, options: OutputOptions): Promise<void> {
  const { isTTY } = process.stdout;
  if (output === undefined) {
    if (!isTTY)
      throw usage('-o, --output FILE, or -o - for stdout', 'none, and a stdout that is no terminal');
    return;
  }
  if (isStdout(output)) {
    if (json || resume)
      throw usage(`--${json ? 'json' : 'resume'} with an archive that goes to a file`, `-o ${output}`);
    if (isTTY) throw usage('-o FILE, or a stdout that is no terminal', `-o ${output} on a terminal`);
    assertStdoutIsOpen();
  }
  await assertOutput(output, options);
}

async function fetchInto(
  output: string,
  options: OutputOptions,
  {
    meter,
    flags,
    ...rest
  }: Omit<Parameters<typeof fetchFile>[0], 'place' | 'resume' | 'tell'> & { meter: Meter; flags: Flags },
): Promise<FetchedFile> {
  const place = await filePlaceOf(output, options);
  const { resume = false } = flags;
  if (place !== undefined) {
    return fetchFile({ ...rest, place, resume, tell: meter.say }).catch((error) => {
      throw outputError(output, error, options);
    });
  }
  if (resume) throw usage('--resume with an archive that goes to a file', `-o ${output}`);
  const manifest = await writeOutput(output, options, (destination) => fetchTo(rest, destination));
  return { manifest, resumedAtBytes: 0 };
}

function tellResult(
  { id }: ArchiveId,
  output: string,
  { manifest, resumedAtBytes }: FetchedFile,
  durationMs: number,
  { json }: Flags,
): void {
  const { compressedBytes, sha256 } = manifest;
  if (json) {
    printJson('fetch', { id, output, compressedBytes, resumedAtBytes, sha256, durationMs });
    return;
  }
  const rate = `${formatBytes(((compressedBytes - resumedAtBytes) / durationMs) * 1000)}/s`;
  const where = isStdout(output) ? '' : ` in ${output}`;
  const took = `${formatDuration(durationMs)}, ${rate}`;
  tell(`${id}: ${formatBytes(compressedBytes)}${where}, ${took}, sha256 as in its manifest`);
}
