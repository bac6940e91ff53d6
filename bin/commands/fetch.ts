// offsite fetch

import { existsSync } from 'node:fs';
import type { Settings } from '../../lib/core/config.ts';
import { OffsiteError } from '../../lib/core/errors.ts';
import { formatBytes } from '../../lib/core/quantities.ts';
import { createS3Store } from '../../lib/io/s3-store.ts';
import { fetchTo, fetchToFile } from '../../lib/steps/fetch.ts';
import { selectArchive } from '../../lib/steps/select.ts';

type Flags = { output: string; force?: boolean; any?: boolean };

export async function runFetch(
  settings: Settings,
  wanted: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const { output } = flags;
  if (output !== '-' && !flags.force && existsSync(output)) {
    throw new OffsiteError('FILE_EXISTS', `${output} exists`, {
      expected: 'a new file',
      found: 'one that would be replaced',
      hint: 'name another, or say --force',
    });
  }
  const store = createS3Store(settings);
  const { id, warning } = await selectArchive(store, settings.source, wanted, flags.any ?? false);
  if (warning !== undefined) process.stderr.write(`offsite: warning: ${warning}\n`);
  const manifest =
    output === '-'
      ? await fetchTo(store, id, () => process.stdout, signal)
      : await fetchToFile(store, id, output, signal);
  process.stderr.write(`${id.id}: ${formatBytes(manifest.compressedBytes)}, sha256 as in its manifest\n`);
}
