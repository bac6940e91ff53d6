// offsite wal

import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../../lib/base/errors.ts';
import { formatBytes, parseDuration, plural } from '../../lib/base/quantities.ts';
import { type CompressorChoice, chooseCompressor } from '../../lib/gzip/compressor.ts';
import type { Settings } from '../../lib/settings/config.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveSetting } from '../../lib/wal/archive-command.ts';
import { clusterIn, foreignError, noteCluster, notedCluster } from '../../lib/wal/cluster.ts';
import { fetchWal } from '../../lib/wal/fetch.ts';
import { type PushedWal, pushWal } from '../../lib/wal/push.ts';
import { clustersOf } from '../../lib/wal/read-wal.ts';
import { type Shipped, shipWal } from '../../lib/wal/ship.ts';
import { usage } from './flags.ts';
import { print, printJson, tell, warn } from './print.ts';
import { logEnds } from './restore-command.ts';

type Flags = {
  dir?: string;
  follow?: boolean;
  ahead: string;
  compress: CompressorChoice;
  patience: string;
  json?: boolean;
};

const followEveryMs = 1000;

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
  if (what === 'ship') return runShip(settings, folderOf(flags), flags, signal);
  return runFetch(settings, first, second, flags, signal);
}

async function runPush(settings: Settings, path: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const { source } = settings;
  const [noted, here] = await Promise.all([notedCluster(source), clusterIn('.')]);
  if (noted !== undefined && here !== undefined && noted !== here) throw foreignError(source, noted, here);
  const store = await storeOf(settings, flags);
  const compressor = chooseCompressor(flags.compress);
  const pushed = await pushWal({ store, source, path, systemIdentifier: noted ?? here, compressor, signal });
  warn(await noteCluster(source, pushed.systemIdentifier));
  if (flags.json) printJson(pushed);
}

async function runShip(settings: Settings, folder: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const { source } = settings;
  const store = await storeOf(settings, flags);
  const compressor = chooseCompressor(flags.compress);
  const onPushed = async ({ systemIdentifier }: PushedWal) =>
    warn(await noteCluster(source, systemIdentifier));
  let said = '';
  for (;;) {
    const systemIdentifier = await notedCluster(source);
    const shipped = await shipWal({ store, source, folder, systemIdentifier, compressor, onPushed, signal });
    said = reportShipped(shipped, flags, said);
    if (!flags.follow) return;
    await sleep(followEveryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** @param before - What failed the last time: that is not said each second. @returns What failed this time. */
function reportShipped(shipped: Shipped, flags: Flags, before: string): string {
  const { failures, plainBytes } = shipped;
  const failed = failures.map(({ error }) => describeError(error)).join('\n');
  const isNews = !flags.follow || shipped.shipped > 0 || failed !== before;
  if (flags.json && isNews) {
    const waiting = failures.map(({ name }) => name);
    printJson({ shipped: shipped.shipped, plainBytes, waiting });
  } else if (isNews) print(`${plural(shipped.shipped, 'file')} shipped, ${formatBytes(plainBytes)}\n`);
  if (failed !== '' && failed !== before) tell(failed);
  if (failed !== '' && !flags.follow) throw failures[0]?.error;
  return failed;
}

async function runFetch(
  settings: Settings,
  name: string,
  path: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const ahead = Number(flags.ahead);
  if (!Number.isInteger(ahead) || ahead < 0) throw usage('--ahead with a whole number', flags.ahead);
  const { source } = settings;
  let store: Promise<ArchiveStore> | undefined;
  const opened = () => {
    store ??= storeOf(settings, flags);
    return store;
  };
  const cluster = async () => ({ source, systemIdentifier: await clusterHere(await opened(), source) });
  if (!(await fetchWal({ store: opened, cluster, name, path, ahead, signal }))) logEnds();
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

/** Loads the SDK only now: what was brought ahead needs none. */
async function storeOf(settings: Settings, { patience }: Flags): Promise<ArchiveStore> {
  const { createS3Store } = await import('../../lib/store/s3.ts');
  const { patienceOf } = await import('../../lib/store/session.ts');
  return createS3Store({
    ...settings,
    patience: patienceOf(parseDuration(patience, '--patience')),
    onTrouble: tell,
  });
}
