// What the restore contest measures: an archive from the store into a server that PG* describe, as the restore test loads
// it. Bundled like the container's program.

import { availableParallelism } from 'node:os';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { openArchive } from '../../lib/archive/open-archive.ts';
import { readManifest } from '../../lib/archive/read-manifest.ts';
import { inflateArchive } from '../../lib/restore/archive-bytes.ts';
import { restoreParallel } from '../../lib/restore/parallel.ts';
import { createS3Store } from '../../lib/store/s3.ts';

const [bucket = '', archiveId = '', database = ''] = process.argv.slice(2);
const { PGHOST = '', PGPORT = '', PGUSER = '', PGPASSWORD = '' } = process.env;

async function main(): Promise<void> {
  const store = createS3Store({ bucket });
  const id = parseArchiveId(archiveId);
  const manifest = await readManifest(store, id);
  const { body } = await openArchive(store, id, manifest);
  await restoreParallel({
    connection: { via: 'server', env: { PGHOST, PGPORT, PGUSER, PGPASSWORD } },
    database,
    dump: inflateArchive(body, manifest).dump,
    sessions: Math.max(2, availableParallelism()),
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
