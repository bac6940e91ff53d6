import { resolve } from 'node:path';
import { formatBytes, formatDuration, parseDuration, plural } from '../../lib/base/quantities.ts';
import { type CompressorChoice, chooseCompressor } from '../../lib/gzip/compressor.ts';
import type { Connection } from '../../lib/postgres/connection.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { connectionFromSettings } from '../../lib/settings/settings.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { noteCluster, notedClusters, receivedFolder } from '../../lib/wal/cluster.ts';
import type { PushedWal } from '../../lib/wal/push.ts';
import { type ReceiveReport, receiveWal } from '../../lib/wal/receive.ts';
import { slotOf } from '../../lib/wal/slot.ts';
import { usage } from './flags.ts';
import { print, printJson, tell, warn } from './print.ts';

export type ReceiveFlags = {
  dir?: string;
  slot?: string;
  partialInterval: string;
  compress: CompressorChoice;
  json?: boolean;
};

const lookEveryMs = 1000;
const retryMs = 5000;
/** Docker and systemd wait longer. */
const endWithinMs = 3000;
const tellEveryMs = 60_000;

export async function runReceive(
  settings: Settings,
  store: ArchiveStore,
  flags: ReceiveFlags,
  signal: AbortSignal,
): Promise<never> {
  const { source } = settings;
  const partialIntervalMs = parseDuration(flags.partialInterval, '--partial-interval');
  const slotName = flags.slot ?? slotOf(source);
  if (!/^[a-z0-9_]{1,63}$/.test(slotName)) throw usage('--slot of a-z, 0-9 and _, at most 63', slotName);
  const [systemIdentifier, ...formers] = await notedClusters(source);
  return receiveWal({
    connection: serverOf(settings),
    store,
    source,
    folder: resolve(flags.dir ?? receivedFolder(source)),
    systemIdentifier,
    formers,
    slotName,
    compressor: chooseCompressor(flags.compress),
    partialIntervalMs,
    tellEveryMs: partialIntervalMs || tellEveryMs,
    lookEveryMs: Math.min(lookEveryMs, partialIntervalMs || lookEveryMs),
    retryMs,
    endWithinMs,
    onServer: async ({ systemIdentifier }) => warn(await noteCluster(source, systemIdentifier)),
    onPushed: async ({ systemIdentifier }: PushedWal) => warn(await noteCluster(source, systemIdentifier)),
    onReport: (report) => (flags.json ? printJson('wal receive', forProgram(report)) : describe(report)),
    say: tell,
    signal,
  });
}

function serverOf({ dump }: Settings): Extract<Connection, { via: 'server' }> {
  const connection = dump.via === 'command' ? undefined : connectionFromSettings(dump);
  if (connection?.via === 'server') return connection;
  throw usage(
    'a server that this host reaches: --url, or PGHOST, PGUSER …',
    connection === undefined ? 'a command that dumps' : `container ${connection.container}`,
    "for a container, publish its port, or have its archive_command fill a folder: 'offsite wal ship --dir DIR --follow'",
  );
}

/** A line, where there is anything to say. */
function describe({ finished, begun, waiting, serverBytes }: ReceiveReport): void {
  const shipped = [
    finished > 0 ? `${plural(finished, 'file')} shipped` : '',
    begun > 0 ? `${plural(begun, 'begun segment')} shipped as far as it goes` : '',
  ].filter(Boolean);
  const { bytes, since } = waiting;
  const age = since === undefined ? '' : `, for ${formatDuration(Date.now() - since.getTime())}`;
  if (shipped.length === 0 && bytes === 0 && serverBytes !== undefined) return;
  const behind =
    serverBytes === undefined
      ? 'the server does not answer'
      : `the server keeps ${formatBytes(serverBytes)} for the slot`;
  print(
    `${[...shipped, `${formatBytes(bytes)} wait here to be shipped${bytes > 0 ? age : ''}`, behind].join('; ')}\n`,
  );
}

function forProgram({ waiting: { since, ...waiting }, ...report }: ReceiveReport) {
  const waitingMs = since === undefined ? 0 : Date.now() - since.getTime();
  return { ...report, serverBytes: report.serverBytes ?? null, waiting: { ...waiting, waitingMs } };
}
