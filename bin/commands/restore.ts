// offsite restore

import { countedRows } from '../../lib/archive/catalogue-of.ts';
import { openArchive } from '../../lib/archive/open-archive.ts';
import { readManifest } from '../../lib/archive/read-manifest.ts';
import { selectArchive } from '../../lib/archive/select.ts';
import { countedTable } from '../../lib/archive/verdict.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { formatCount, formatDuration } from '../../lib/base/quantities.ts';
import type { Connection } from '../../lib/postgres/connection.ts';
import { query } from '../../lib/postgres/programs.ts';
import { inflateArchive } from '../../lib/restore/archive-bytes.ts';
import { restore } from '../../lib/restore/restore.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { connectionFromSettings } from '../../lib/settings/settings.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { print, printJson, tell, warn } from './print.ts';
import { restoreWords, whileReading } from './reading-progress.ts';

type Flags = { into?: string; any?: boolean; createRoles?: boolean; json?: boolean; quiet?: boolean };

export async function runRestore(
  settings: Settings,
  wanted: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  const store = createS3Store(settings);
  const connection = targetOf(settings);
  const { id, entry, warning } = await selectArchive(store, settings.source, wanted, flags.any ?? false);
  warn(warning);
  const manifest = await readManifest(store, id);
  const database = flags.into ?? `${id.source}_restored`;
  tell(`restoring ${id.id} into a fresh database ${database} …`);
  const { body } = await openArchive(store, id, manifest);
  await whileReading({ name: id.id, words: restoreWords, quiet: flags.quiet }, (meter) =>
    restore({
      connection,
      database,
      dump: inflateArchive(meter.bytes(body, manifest.compressedBytes), manifest, { signal }).dump,
      source: manifest.database,
      roles: entry.inventory?.roles,
      createRoles: flags.createRoles ?? false,
      warn,
      signal,
    }),
  );
  const torrents = await countTorrents(connection, database);
  const result = {
    id: id.id,
    database,
    torrents,
    torrentsInArchive: countedRows(entry) ?? null,
    durationMs: Math.round(performance.now() - began),
  };
  if (flags.json) printJson(result);
  else print(sentence(result));
}

function targetOf({ dump }: Settings): Connection {
  if (dump.via !== 'command') return connectionFromSettings(dump);
  throw new OffsiteError('USAGE', 'the settings do not say which server to restore into', {
    expected: '--url, --container, or PGHOST, PGUSER … in the environment with dump.via = server',
    found: 'dump.via = command, which only knows how to dump',
    hint: 'name the server: --url postgres://user@host/postgres',
  });
}

async function countTorrents(connection: Connection, database: string): Promise<number | null> {
  const exists = await query(connection, `SELECT to_regclass('${countedTable}') IS NOT NULL`, { database });
  if (exists[0]?.[0] !== 't') return null;
  const rows = await query(connection, `SELECT count(*) FROM ${countedTable}`, { database });
  return Number(rows[0]?.[0]);
}

function sentence(result: {
  id: string;
  database: string;
  torrents: number | null;
  torrentsInArchive: number | null;
  durationMs: number;
}): string {
  const { id, database, torrents, torrentsInArchive, durationMs } = result;
  const expected = torrentsInArchive === null ? '' : ` (the archive holds ${formatCount(torrentsInArchive)})`;
  const counted =
    torrents === null ? `no table ${countedTable}` : `${formatCount(torrents)} ${countedTable}${expected}`;
  return `${id} restored into ${database}: ${counted}, ${formatDuration(durationMs)}\n`;
}
