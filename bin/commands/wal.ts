import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseWalFile } from '../../lib/archive/wal-names.ts';
import { describeError, OffsiteError } from '../../lib/base/errors.ts';
import { formatBytes, formatInstant, parseDuration, plural } from '../../lib/base/quantities.ts';
import { chooseCompressor } from '../../lib/gzip/compressor.ts';
import type { Settings } from '../../lib/settings/config.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveSetting } from '../../lib/wal/archive-command.ts';
import { clusterIn, foreignError, noteCluster, notedClusters } from '../../lib/wal/cluster.ts';
import { runRestoreCommand } from '../../lib/wal/fetch.ts';
import { type PushedWal, pushWal } from '../../lib/wal/push.ts';
import { clustersOf } from '../../lib/wal/read-wal.ts';
import { type Backlog, readBacklog, type Shipped, shipWal } from '../../lib/wal/ship.ts';
import { usage, wholeNumber } from './flags.ts';
import { openPatientStore } from './patient-store.ts';
import { print, printJson, tell, warn } from './print.ts';
import type { ReceiveFlags } from './wal-receive.ts';

type Flags = ReceiveFlags & { follow?: boolean; ahead: string; until?: string; patience?: string };

const followEveryMs = 1000;
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
    return runWindow(await storeOf(settings, flags), settings.source, flags.json);
  }
  if (what === 'receive') {
    const { runReceive } = await import('./wal-receive.ts');
    return runReceive(settings, await storeOf(settings, flags), flags, signal);
  }
  if (what === 'ship') return runShip(settings, folderOf(flags), flags, signal);
  return runFetch(settings, first, second, flags, signal);
}

async function runPush(settings: Settings, path: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const { source } = settings;
  const [[noted, ...formers], here] = await Promise.all([notedClusters(source), clusterIn('.')]);
  if (noted !== undefined && here !== undefined && noted !== here) throw foreignError(source, noted, here);
  const store = await storeOf(settings, { patience: archiverPatience, ...flags });
  const compressor = chooseCompressor(flags.compress);
  const systemIdentifier = noted ?? here;
  const pushed = await pushWal({ store, source, path, systemIdentifier, formers, compressor, signal });
  if (!formers.includes(pushed.systemIdentifier)) warn(await noteCluster(source, pushed.systemIdentifier));
  if (flags.json) printJson('wal push', pushed);
}

async function runShip(settings: Settings, folder: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const { source } = settings;
  const store = await storeOf(settings, flags);
  const compressor = chooseCompressor(flags.compress);
  const ship = async () => {
    const [systemIdentifier, ...formers] = await notedClusters(source);
    const before = new Set<string>();
    const onPushed = async ({ systemIdentifier: whose }: PushedWal) => {
      if (formers.includes(whose)) before.add(whose);
      else warn(await noteCluster(source, whose));
    };
    const course = { store, source, folder, systemIdentifier, formers, compressor, onPushed, signal };
    const shipped = await shipWal(course);
    for (const whose of before)
      tell(`what waited of the cluster before (system identifier ${whose}) is in the vault as that one's`);
    const backlog = await readBacklog(folder);
    if (flags.json && (shipped.shipped > 0 || !flags.follow))
      printJson('wal ship', { ...counted(shipped), backlog });
    else if (shipped.shipped > 0 || !flags.follow)
      print(`${plural(shipped.shipped, 'file')} shipped, ${formatBytes(shipped.plainBytes)}\n`);
    const [first, ...others] = shipped.failures;
    for (const { error } of others) tell(describeError(error));
    if (first !== undefined) throw first.error;
  };
  if (!flags.follow) return ship();
  let said = '';
  for (;;) {
    // What fails is told, and tried again: nothing else would empty the folder.
    const failed = await ship().then(() => '', failureText);
    signal.throwIfAborted();
    if (failed !== said && failed !== '') tell(`${failed}\n${describeBacklog(await readBacklog(folder))}`);
    said = failed;
    await sleep(followEveryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

function counted({ shipped, plainBytes, failures }: Shipped) {
  return { shipped, plainBytes, failed: failures.map(({ name }) => name) };
}

/** @throws What no further attempt can mend. */
function failureText(error: unknown): string {
  if (error instanceof OffsiteError && error.code !== 'INTERRUPTED') return describeError(error);
  throw error;
}

function describeBacklog({ files, bytes, since }: Backlog): string {
  const waiting = `${plural(files, 'file')} wait, ${formatBytes(bytes)}`;
  return `  waiting   ${waiting}${since === undefined ? '' : `, the oldest since ${formatInstant(since)}`}; tried again each second`;
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
  const opened = () => {
    store ??= storeOf(settings, flags);
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

/** What was brought ahead needs none. */
function storeOf(settings: Settings, { patience = usualPatience }: Pick<Flags, 'patience'>) {
  return openPatientStore(settings, parseDuration(patience, '--patience'), tell);
}
