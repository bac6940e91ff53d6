import { ofDatabase } from '../../lib/archive/kind.ts';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { readRecord } from '../../lib/archive/read-manifest.ts';
import { formatBytes, formatInstant, plural } from '../../lib/base/quantities.ts';
import { ofBaseBackups } from '../../lib/basebackup/kind.ts';
import { baseBackupRecords } from '../../lib/basebackup/manifest.ts';
import { textTable } from '../../lib/mail/mail.ts';
import { findUndoable, type Undoable, type Undone, undo, undoLog } from '../../lib/retention/undo.ts';
import { createVersionHistory } from '../../lib/retention/version-history.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { ofSidecar } from '../../lib/sidecar/kind.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { usage, wholeNumber } from './flags.ts';
import { print, printJson, tell } from './print.ts';

type Flags = { holdDays: string; sidecar?: boolean; baseBackup?: boolean; json?: boolean };

export async function runUndo(settings: Settings, wanted: string | undefined, flags: Flags): Promise<void> {
  const history = createVersionHistory(settings);
  if (flags.sidecar && flags.baseBackup)
    throw usage(
      'one kind of archive',
      '--sidecar and --base-backup',
      'leave one of them out, and run the same command again',
    );
  const kind = flags.sidecar ? ofSidecar : flags.baseBackup ? ofBaseBackups : ofDatabase;
  const store = createS3Store(settings);
  if (wanted === undefined) {
    const found = await findUndoable(history, kind, settings.source);
    if (flags.json) printJson('undo (without an archive)', found.map(plainUndoable));
    else showUndoable(found, settings, flags);
    return;
  }
  const id = parseArchiveId(wanted);
  const done = await undo({
    store,
    history,
    kind,
    id,
    holdDays: wholeNumber('--hold-days', flags.holdDays, { most: 3650, example: 30 }),
    now: new Date(),
  });
  const logFiles =
    flags.baseBackup && (await undoLog(history, await readRecord(store, baseBackupRecords, id)));
  if (flags.json) return printJson('undo', plainUndone(done));
  print(`${sentences(done)}\n`);
  if (logFiles)
    print(
      `  with it came ${plural(logFiles, 'file')} of the log: 'offsite wal window' shows where it leads\n`,
    );
}

function showUndoable(found: readonly Undoable[], { source, bucket }: Settings, flags: Flags): void {
  if (found.length === 0) {
    const ofKind = flags.sidecar ? 'the sidecar of ' : flags.baseBackup ? 'the base backups of ' : '';
    const what = ofKind + source;
    tell(`nothing of ${what} in ${bucket} can be brought back: 'offsite list' shows what is there`);
    return;
  }
  const rows = found.map(({ id, compressedBytes, deletedAt, livesUntil }) => [
    id.id,
    formatBytes(compressedBytes),
    formatInstant(deletedAt),
    livesUntil === undefined ? 'unknown' : formatInstant(livesUntil),
  ]);
  print(`${textTable([['archive', 'bytes', 'deleted', 'lives until'], ...rows])}\n`);
}

function sentences({ manifest, broughtBack, heldUntil, wouldHaveGoneAt }: Undone): string {
  const { id, compressedBytes } = manifest;
  const gone =
    wouldHaveGoneAt === undefined
      ? "when its versions would have been removed, the bucket's lifecycle did not say"
      : `its versions would have been removed after ${formatInstant(wouldHaveGoneAt)}`;
  return [
    broughtBack.length === 0
      ? `${id} was back already; its hold begins anew`
      : `${id} is back, ${formatBytes(compressedBytes)}; ${gone}`,
    `  held until ${formatInstant(heldUntil)}: from then on retention takes it again, if it is old enough`,
  ].join('\n');
}

function plainUndone({ manifest, broughtBack, heldUntil, wouldHaveGoneAt }: Undone) {
  return { id: manifest.id, broughtBack, heldUntil, wouldHaveGoneAt: wouldHaveGoneAt ?? null };
}

function plainUndoable({ id, deletedAt, compressedBytes, livesUntil }: Undoable) {
  return { id: id.id, deletedAt, compressedBytes, livesUntil: livesUntil ?? null };
}
