// offsite restore --to-…: the cluster as it was at a point.

import { resolve } from 'node:path';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { formatDuration, plural } from '../../lib/base/quantities.ts';
import { type Recovered, recoverPoint } from '../../lib/recovery-point/recover.ts';
import { describeTarget, type RecoveryTarget } from '../../lib/recovery-point/target.ts';
import { type Way, windowOf } from '../../lib/recovery-point/way.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { countOf } from '../../lib/wal/continuity.ts';
import { ownRestoreCommand } from '../../lib/wal/restore-command.ts';
import { usage } from './flags.ts';
import type { PointFlags } from './point-flags.ts';
import { print, printJson, tell, warn } from './print.ts';
import { noProgress, showProgress } from './progress.ts';
import { openStoreToRead } from './reading-store.ts';
import { replayEnvironment } from './replay-environment.ts';

const layingOut = { waiting: 'waiting for the base backup', done: 'laid out', ended: 'comparing' };

export async function runRestorePoint(
  settings: Settings,
  target: RecoveryTarget,
  wanted: string | undefined,
  flags: PointFlags,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  if (flags.dataDirectory === undefined)
    throw usage(
      '--data-directory with the folder of the new cluster',
      'none',
      'for example --data-directory /var/lib/postgresql/recovered: it must be empty, or not there yet',
    );
  if (flags.timeline !== undefined && !/^[1-9]\d{0,9}$/.test(flags.timeline))
    throw usage('--timeline with its number', flags.timeline);
  const folder = resolve(flags.dataDirectory);
  const say = flags.quiet ? () => undefined : tell;
  let progress = noProgress;
  const { store, said } = await openStoreToRead(settings);
  if (flags.quiet) said.by = () => undefined;
  const recovered = await recoverPoint({
    store,
    source: settings.source,
    target,
    timeline: flags.timeline === undefined ? undefined : Number(flags.timeline),
    despiteGap: flags.despiteGap ?? false,
    from: wanted === undefined || wanted === 'latest' ? undefined : parseArchiveId(wanted),
    folder,
    tablespaceMappings: flags.tablespaceMapping,
    restoreCommand: ownRestoreCommand(),
    env: await replayEnvironment(settings),
    onWay: (way) => {
      say(announcement(way, target, folder));
      if (!flags.quiet) {
        progress = showProgress(settings.source, layingOut);
        said.by = progress.interject;
      }
      progress.expect(way.base.manifest.plainBytes);
    },
    onProgress: (plainBytes) => progress.update(plainBytes),
    onReplay: () => {
      progress.clear();
      say('the base backup is laid out, each file as the server listed it; the log is being replayed');
    },
    warn,
    signal,
  }).finally(() => progress.clear());
  report(recovered, target, folder, flags, Math.round(performance.now() - began));
}

function announcement(way: Way, target: RecoveryTarget, folder: string): string {
  const { from, toLsn } = windowOf(way);
  const log = `${plural(countOf(way.continuity.whole), 'segment')} of the log, whole up to ${toLsn} on timeline ${way.timeline}`;
  return `${way.base.id.id} and ${log} lead to ${describeTarget(target)} (any point since ${from.toISOString()}); into ${folder}`;
}

function report(
  { way, tablespaces, lsn, lastTransactionAt, timeline }: Recovered,
  target: RecoveryTarget,
  folder: string,
  { json }: PointFlags,
  durationMs: number,
): void {
  const baseBackup = way.base.id.id;
  if (json) {
    printJson('restore --to-…', {
      baseBackup,
      folder,
      lsn,
      lastTransactionAt: lastTransactionAt ?? null,
      timeline,
      ...(tablespaces.length > 0 && {
        tablespaces: tablespaces.map(({ oid, location, folder: to }) => ({ oid, location, folder: to })),
      }),
      durationMs,
    });
    return;
  }
  const last =
    lastTransactionAt === undefined
      ? 'no transaction after the base backup'
      : `last transaction ${lastTransactionAt}`;
  print(
    `${folder}  recovered to ${describeTarget(target)}\n  ${last}; log replayed up to ${lsn}; now on timeline ${timeline}; ${formatDuration(durationMs)}\n`,
  );
  for (const { oid, location, folder: to } of tablespaces)
    print(`  tablespace ${oid}, which was in ${location}, is in ${to}\n`);
  tell(
    'start it as usual: as the user that owns the folder, with the configuration of the host (Debian keeps it in /etc/postgresql); then take a base backup (offsite basebackup)',
  );
}
