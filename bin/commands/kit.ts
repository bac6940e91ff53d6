import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { assertOutput, writeOutput } from '../../lib/base/output-file.ts';
import { kitPage, kitText } from '../../lib/kit/page.ts';
import { readKit } from '../../lib/kit/read-kit.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { print, tell } from './print.ts';
import { regionOf } from './region.ts';

type Flags = { output?: string; force?: boolean };

export async function runKit(settings: Settings, flags: Flags): Promise<void> {
  const { bucket, endpoint, source, dump } = settings;
  const base = flags.output === undefined ? undefined : join(flags.output, `offsite-kit-${source}`);
  const options = { force: flags.force ?? false, flag: '-o FOLDER' };
  for (const end of ['.txt', '.html']) if (base !== undefined) await assertOutput(base + end, options);
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
  const kit = await readKit(createS3Store(settings), {
    bucket,
    source,
    region: regionOf(settings),
    endpoint: endpoint ?? (AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL || undefined),
    container: dump.via === 'container' ? { name: dump.container, user: dump.user ?? 'postgres' } : undefined,
    writtenAt: new Date(),
  });
  if (base === undefined) {
    print(kitText(kit));
    return;
  }
  for (const [end, text] of [
    ['.txt', kitText(kit)],
    ['.html', kitPage(kit)],
  ] as const) {
    await writeOutput(base + end, options, (destination) => pipeline(Readable.from([text]), destination()));
    tell(base + end);
  }
}
