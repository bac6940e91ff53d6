import { resolve } from 'node:path';
import { parseWalFile } from '../../lib/archive/wal-names.ts';
import { parseDuration, plural } from '../../lib/base/quantities.ts';
import { chooseCompressor } from '../../lib/gzip/compressor.ts';
import type { Settings } from '../../lib/settings/config.ts';
import type { Patience } from '../../lib/store/session.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveSetting } from '../../lib/wal/archive-command.ts';
import { clusterIn, foreignError, noteCluster, notedClusters } from '../../lib/wal/cluster.ts';
import { runRestoreCommand } from '../../lib/wal/fetch.ts';
import { pushWal } from '../../lib/wal/push.ts';
import { clustersOf } from '../../lib/wal/read-wal.ts';
import { usage, wholeNumber } from './flags.ts';
import { atBeginning, openPatientStore } from './patient-store.ts';
import { print, printJson, tell, warn } from './print.ts';
import type { ReceiveFlags } from './wal-receive.ts';
import type { ShipFlags } from './wal-ship.ts';

type Flags = ReceiveFlags & ShipFlags & { ahead: string; until?: string; patience?: string };

/** Several are on their way, and each is tried again. */
const troubleEveryMs = 60_000;
const usualPatience = '10m';
/** The server waits for it when it is shut down, and asks again by itself. */
const archiverPatience = '30s';

export async function runWal(
  settingsOf: () => Promise<Settings>,
  what: string,
  files: readonly string[],
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const wanted = { push: 1, fetch: 2 }[what] ?? 0;
  if (files.length !== wanted)
    throw usage(
      { push: 'one file: %p', fetch: 'two: %f %p' }[what] ?? 'no file',
      plural(files.length, 'argument'),
      'see offsite wal --help',
    );
  const [first = '', second = ''] = files;
  if (what === 'archive-command') return print(`${archiveSetting(resolve(folderOf(flags)))}\n`);
  const settings = await settingsOf();
  if (what === 'push') return runPush(settings, first, flags, signal);
  if (what === 'window') {
    const { runWindow } = await import('./wal-window.ts');
    // Who looks on hears at once that nobody is there.
    return runWindow(await storeOf(settings, flags, () => ({ mistypedMs: 0 })), settings.source, flags.json);
  }
  if (what === 'receive') {
    const { runReceive } = await import('./wal-receive.ts');
    return runReceive(settings, await storeOf(settings, flags), flags, signal);
  }
  if (what === 'ship') {
    const { runShip } = await import('./wal-ship.ts');
    return runShip(settings, await storeOf(settings, flags), folderOf(flags), flags, signal);
  }
  return runFetch(settings, first, second, flags, signal);
}

async function runPush(settings: Settings, path: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const { source } = settings;
  const [formers, here] = await Promise.all([notedClusters(source), clusterIn('.')]);
  const [noted = here] = formers;
  // What the source was before goes on as that one's: a base backup of a wrong server notes that, too.
  if (noted !== undefined && here !== undefined && ![noted, ...formers].includes(here))
    throw foreignError(source, noted, here);
  const store = await storeOf(settings, { patience: archiverPatience, ...flags });
  const compressor = chooseCompressor(flags.compress);
  const systemIdentifier = here ?? noted;
  const pushed = await pushWal({ store, source, path, systemIdentifier, formers, compressor, signal });
  if (!formers.includes(pushed.systemIdentifier)) warn(await noteCluster(source, pushed.systemIdentifier));
  if (flags.json) printJson('wal push', pushed);
}

async function runFetch(
  settings: Settings,
  name: string,
  path: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const ahead = wholeNumber('--ahead', flags.ahead, { least: 0, most: 10_000, example: 4 });
  const { source } = settings;
  const { until } = flags;
  if (until !== undefined && !/^(segment|begun)$/.test(parseWalFile(until)?.kind ?? ''))
    throw usage("--until with a segment's name", until);
  let store: Promise<ArchiveStore> | undefined;
  // What was brought ahead needs none.
  const opened = () => {
    // A process for each: nobody has mistyped in the midst of a recovery, which would end.
    store ??= storeOf(settings, flags, (mistypedMs) => ({ mistypedMs }));
    return store;
  };
  const cluster = async () => ({ source, systemIdentifier: await clusterHere(await opened(), source) });
  await runRestoreCommand({ store: opened, cluster, name, path, ahead, until, signal });
}

/** Postgres runs it in the data directory that it recovers. */
async function clusterHere(store: ArchiveStore, source: string): Promise<string> {
  const here = await clusterIn('.');
  if (here !== undefined) return here;
  const [only, ...others] = await clustersOf(store, source);
  if (only !== undefined && others.length === 0) return only;
  throw usage(
    'the data directory that is recovered, to run in',
    `another folder, and log of ${plural(others.length + (only === undefined ? 0 : 1), 'cluster')}`,
    "restore_command = 'offsite wal fetch %f %p' runs in the right one",
  );
}

function folderOf({ dir }: Flags): string {
  if (dir !== undefined) return dir;
  throw usage('--dir with the folder that archive_command fills', 'none', 'see offsite wal --help');
}

/** @param more - Of a patience that is not of writes. */
function storeOf(
  settings: Settings,
  { patience = usualPatience }: Pick<Flags, 'patience'>,
  more?: (patienceMs: number) => Partial<Patience>,
) {
  const patienceMs = parseDuration(patience, '--patience');
  return openPatientStore(settings, patienceMs, atBeginning(tell, troubleEveryMs), more?.(patienceMs));
}
