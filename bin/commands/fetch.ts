// offsite fetch

import { existsSync } from 'node:fs';
import { selectArchive } from '../../lib/archive/select.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { formatBytes } from '../../lib/base/quantities.ts';
import { fetchTo, fetchToFile } from '../../lib/restore/fetch.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { assertStdoutIsOpen, tell, warn } from './print.ts';

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
  if (output === '-') assertStdoutIsOpen();
  const store = createS3Store(settings);
  const { id, warning } = await selectArchive(store, settings.source, wanted, flags.any ?? false);
  warn(warning);
  const manifest =
    output === '-'
      ? await fetchTo(store, id, () => process.stdout, signal)
      : await fetchToFile(store, id, output, signal);
  tell(`${id.id}: ${formatBytes(manifest.compressedBytes)}, sha256 as in its manifest`);
}
