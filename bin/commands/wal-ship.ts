import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, OffsiteError } from '../../lib/base/errors.ts';
import { formatBytes, formatInstant, plural } from '../../lib/base/quantities.ts';
import { type CompressorChoice, chooseCompressor } from '../../lib/gzip/compressor.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { withoutTries } from '../../lib/store/persist.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { noteCluster, notedClusters } from '../../lib/wal/cluster.ts';
import type { PushedWal } from '../../lib/wal/push.ts';
import { type Backlog, readBacklog, type Shipped, shipWal } from '../../lib/wal/ship.ts';
import { print, printJson, tell, warn } from './print.ts';

export type ShipFlags = { follow?: boolean; compress: CompressorChoice; json?: boolean };

const followEveryMs = 1000;
const tellEveryMs = 60_000;
const namedAtMost = 5;

export async function runShip(
  { source }: Settings,
  store: ArchiveStore,
  folder: string,
  flags: ShipFlags,
  signal: AbortSignal,
): Promise<void> {
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
    return shipped.failures;
  };
  if (flags.follow) return follow(ship, folder, signal);
  const failures = await ship();
  tellOthers(failures);
  if (failures[0] !== undefined) throw failures[0].error;
}

type Failures = Shipped['failures'];

/** What fails is told, and tried again: nothing else would empty the folder. */
async function follow(ship: () => Promise<Failures>, folder: string, signal: AbortSignal): Promise<void> {
  // A store that is in trouble is waited for in there.
  setInterval(() => void tellBacklog(folder, tellEveryMs), tellEveryMs).unref();
  let said = '';
  for (;;) {
    const failures = await ship().catch(asFailure);
    signal.throwIfAborted();
    const what = failures.map(({ error }) => withoutTries(describeError(error))).join();
    if (failures[0] !== undefined && what !== said) {
      tell(describeError(failures[0].error));
      tellOthers(failures);
      await tellBacklog(folder);
    }
    said = what;
    await sleep(followEveryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** Of each kind but the first's the first whole, and of all kinds the names of the others. */
function tellOthers(failures: Failures): void {
  for (const alike of Map.groupBy(failures, ({ error }) => error.code).values()) {
    const [one, ...others] = alike;
    if (one !== undefined && one !== failures[0]) tell(describeError(one.error));
    const names = others.slice(0, namedAtMost).map(({ name }) => name);
    const more = others.length > names.length ? ` and ${others.length - names.length} more` : '';
    if (names.length > 0) tell(`as with ${one?.name}, so with ${names.join(', ')}${more}`);
  }
}

/** @throws What no further attempt can mend. */
function asFailure(error: unknown): Failures {
  if (error instanceof OffsiteError && error.code !== 'INTERRUPTED') return [{ name: '', error }];
  throw error;
}

function counted({ shipped, plainBytes, failures }: Shipped) {
  return { shipped, plainBytes, failed: failures.map(({ name }) => name) };
}

/** @param olderMs - Only where the oldest waits for longer. */
async function tellBacklog(folder: string, olderMs = 0): Promise<void> {
  const backlog = await readBacklog(folder).catch(() => undefined);
  const { since } = backlog ?? {};
  if (
    backlog === undefined ||
    (olderMs > 0 && (since === undefined || Date.now() - since.getTime() <= olderMs))
  )
    return;
  tell(describeBacklog(backlog));
}

function describeBacklog({ files, bytes, since }: Backlog): string {
  const waiting = `${plural(files, 'file')} wait, ${formatBytes(bytes)}`;
  return `  waiting   ${waiting}${since === undefined ? '' : `, the oldest since ${formatInstant(since)}`}; tried again each second`;
}
