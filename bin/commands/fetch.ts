// offsite fetch

import { selectArchive } from '../../lib/archive/select.ts';
import { assertOutput, isStdout, writeOutput } from '../../lib/base/output-file.ts';
import { formatBytes } from '../../lib/base/quantities.ts';
import { fetchTo } from '../../lib/restore/fetch.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { usage } from './flags.ts';
import { assertStdoutIsOpen, printJson, tell, warn } from './print.ts';
import { fetchWords, whileReading } from './reading-progress.ts';

type Flags = { output: string; force?: boolean; any?: boolean; json?: boolean; quiet?: boolean };

export async function runFetch(
  settings: Settings,
  wanted: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const { output, json, quiet } = flags;
  if (json && isStdout(output)) throw usage('--json with an archive that goes to a file', `-o ${output}`);
  if (isStdout(output)) assertStdoutIsOpen();
  const options = { force: flags.force ?? false, flag: '-o FILE' };
  await assertOutput(output, options);
  const store = createS3Store(settings);
  const { id, warning } = await selectArchive(store, settings.source, wanted, flags.any ?? false);
  warn(warning);
  const { compressedBytes, sha256 } = await whileReading({ name: id.id, words: fetchWords, quiet }, (meter) =>
    writeOutput(output, options, (destination) => fetchTo(meter.store(store), id, destination, signal)),
  );
  if (json) printJson({ id: id.id, output, compressedBytes, sha256 });
  else tell(`${id.id}: ${formatBytes(compressedBytes)}, sha256 as in its manifest`);
}
