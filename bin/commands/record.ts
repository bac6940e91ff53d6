// offsite verify --record

import { ofDatabase } from '../../lib/archive/kind.ts';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { selectArchive } from '../../lib/archive/select.ts';
import { exitCodes } from '../../lib/base/errors.ts';
import { type Judged, judge, verifyNew } from '../../lib/guard/verify.ts';
import type { GuardedVault } from '../../lib/settings/settings.ts';
import { usage } from './flags.ts';
import { mailboxOf } from './guarded.ts';
import { print, printJson, tell } from './print.ts';
import { openStoreToRead } from './reading-store.ts';

type Flags = { gzipOnly?: boolean; manifest?: string; json?: boolean };

/** @param target - An archive's id, `latest`, or `new`: all that have no verdict, the dashboards' among them. */
export async function runRecord(
  { settings, guard }: GuardedVault,
  target: string,
  flags: Flags,
): Promise<void> {
  if (flags.gzipOnly || flags.manifest !== undefined)
    throw usage('--record of an archive in the vault', '--gzip-only or --manifest, which are for files');
  const { store, connections } = await openStoreToRead(settings);
  const { sendMail, trouble } = mailboxOf(store, settings, guard);
  const all: Judged[] = [];
  const onVerdict = (judged: Judged) => {
    all.push(judged);
    if (!flags.json) print(`${judged.id}: ${judged.verdict}${judged.isNew ? '' : ', as before'}\n`);
  };
  const options = { store, connections, now: () => new Date(), sendMail, onVerdict };
  let failure: unknown;
  if (target === 'new') [failure] = (await verifyNew(options)).values();
  else {
    const isLatest = target === 'latest';
    const id = isLatest
      ? (await selectArchive(store, settings.source, target, true)).id
      : parseArchiveId(target);
    await judge({ kind: ofDatabase, id, occasion: 'committed' }, options);
  }
  if (flags.json) printJson('verify --record', all);
  else if (all.length === 0 && failure === undefined) tell('nothing is new: every archive has its verdict');
  if (all.some(({ verdict }) => verdict !== 'intact')) process.exitCode = exitCodes.notIntact;
  failure ??= trouble();
  if (failure !== undefined) throw failure;
}
