import type { Comparison } from '../../lib/archive/comparison.ts';
import { isArchiveId } from '../../lib/archive/names.ts';
import { countedTable } from '../../lib/archive/verdict.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { formatCount, formatDuration } from '../../lib/base/quantities.ts';
import { type Connection, ownDatabase, psqlLine } from '../../lib/postgres/connection.ts';
import { quoteIdentifier } from '../../lib/postgres/programs.ts';
import { openFile } from '../../lib/restore/dump-file.ts';
import { type Placing, type RestoredInPlace, restoreInPlace } from '../../lib/restore/in-place.ts';
import { openVault, type Restorable } from '../../lib/restore/restorable.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { connectionFromSettings } from '../../lib/settings/settings.ts';
import { confirm } from './confirm.ts';
import { usage, wholeNumber } from './flags.ts';
import { print, printJson, tell, warn } from './print.ts';
import { openStoreToRead } from './reading-store.ts';
import { whileRestoring } from './restoring-progress.ts';

export type RestoreFlags = {
  into?: string;
  beside?: boolean;
  replace?: boolean;
  yes?: boolean;
  stop?: string;
  jobs?: string;
  dbname?: string;
  manifest?: string;
  any?: boolean;
  createRoles?: boolean;
  json?: boolean;
  quiet?: boolean;
};

/** @param settings - With a store, and where a FILE is restored, perhaps without. */
export async function runRestore(
  settings: Settings,
  wanted: string,
  flags: RestoreFlags,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  const placing = placingOf(flags);
  const asked = flags.jobs && wholeNumber('--jobs', flags.jobs, { most: 64, example: 4 });
  const connection = targetOf(settings);
  const isFile = wanted !== 'latest' && !isArchiveId(wanted);
  if (flags.manifest !== undefined && !isFile)
    throw usage(
      '--manifest with a FILE',
      `${wanted}, whose manifest is in the vault`,
      'leave --manifest away',
    );
  const vault = isFile ? undefined : await openStoreToRead(settings);
  const restorable =
    vault === undefined
      ? await openFile(wanted, flags.manifest)
      : await openVault(vault.store, settings.source, wanted, { ...vault, any: flags.any });
  warn(restorable.warning);
  const database = databaseOf(connection, flags, restorable);
  if (placing.how === 'replace') {
    const text = `${database} will be dropped before the archive is restored; if that fails, it is gone.\nType its name to go on: `;
    const about = `--replace, which drops ${database}`;
    await confirm({ text, answers: [database], isSaid: flags.yes, about }, signal);
  }
  tell(announcement(restorable.name, database, placing));
  const result = await whileRestoring({ restorable, vault, quiet: flags.quiet }, signal, (reading) =>
    restoreInPlace({
      ...reading,
      connection,
      database,
      placing,
      stop: flags.stop,
      createRoles: flags.createRoles ?? false,
      jobs: asked || reading.jobs,
    }),
  );
  report(restorable, result, connection, { ...flags, durationMs: Math.round(performance.now() - began) });
}

function placingOf({ into, beside, replace }: RestoreFlags): Placing {
  if ([into !== undefined, beside, replace].filter(Boolean).length > 1)
    throw usage('one of --into, --beside and --replace', 'more than one of them');
  if (replace) return { how: 'replace' };
  return into !== undefined || beside ? { how: 'beside', name: into } : { how: 'swap' };
}

function targetOf({ dump }: Settings): Connection {
  if (dump.via !== 'command') return connectionFromSettings(dump);
  throw new OffsiteError('USAGE', 'the settings do not say which server to restore into', {
    expected: '--url, --container, or PGHOST, PGUSER … in the environment with dump.via = server',
    found: 'dump.via = command, which only knows how to dump',
    hint: 'name the server: --url postgres://user@host/postgres',
  });
}

/** Whose place it takes: the one that is named, else the one that was dumped. */
function databaseOf(connection: Connection, flags: RestoreFlags, { manifest }: Restorable): string {
  const own = ownDatabase(connection);
  const named = flags.dbname ?? (/^(?:postgres|template[01])$/.test(own ?? '') ? undefined : own);
  const database = named ?? manifest?.database?.name ?? flags.into;
  if (database !== undefined) return database;
  throw usage(
    'the name of the database that is to be back',
    'none: the archive does not say what its database was called',
    'name it: --dbname bitmagnet; or a new one: --into NAME',
  );
}

function announcement(name: string, database: string, placing: Placing): string {
  if (placing.how === 'replace') return `restoring ${name} in the place of ${database}, which is dropped …`;
  const where = placing.how === 'swap' ? `, which then becomes ${database}` : '';
  return `restoring ${name} into ${placing.how === 'beside' && placing.name ? `a fresh database ${placing.name}` : `a fresh database beside ${database}`}${where} …`;
}

function report(
  { name, id }: Restorable,
  { database, before, comparisons, way }: RestoredInPlace,
  connection: Connection,
  { json, durationMs }: { json?: boolean; durationMs: number },
): void {
  const counted = countedOf(comparisons);
  const torrents = counted?.found ?? null;
  const result = {
    id: id ?? null,
    database,
    ...(before !== undefined && { before }),
    torrents,
    torrentsInArchive: counted?.expected ?? null,
    sessions: way.by === 'sessions' ? way.sessions : 1,
    durationMs,
  };
  if (way.by === 'psql') tell(`offsite: restored by one psql: ${way.because}`);
  if (json) {
    printJson('restore', result);
    return;
  }
  print(`${name} restored into ${database}: ${heldWords(comparisons)}, ${formatDuration(durationMs)}\n`);
  if (before === undefined) return;
  const run = psqlLine(connection, database, `DROP DATABASE ${quoteIdentifier(before)}`);
  print(`What was there is kept as ${before}. When you are sure: ${run}\n`);
}

/** For a person: what was found in the restored database. */
export function heldWords(comparisons: readonly Comparison[]): string {
  if (comparisons.length === 0) return 'not compared with the archive';
  const found = countedOf(comparisons)?.found ?? undefined;
  return found === undefined
    ? `no table ${countedTable}`
    : `${formatCount(found)} ${countedTable}, as in the archive`;
}

function countedOf(comparisons: readonly Comparison[]): Comparison | undefined {
  return comparisons.find(({ what }) => what === `public.${countedTable}`);
}
