// Many faults of a source within an hour are one mail. The first is told at once; the others leave an empty object each, so
// that none is counted twice and none is lost, and whoever looks when the hour is over tells of them together.
//
// SNS stops an e-mail subscription that is sent more than ten messages a second, and nobody would hear anything then.

import { nothingIf } from '../base/errors.ts';
import { inTime } from '../base/in-time.ts';
import type { ArchiveStore } from '../store/store.ts';
import { type ArchiveFault, faultKeys, faultsFolder, type UntoldHour, untoldHours } from './hour.ts';
import type { Mail } from './mail.ts';

export type HourlyTeller = {
  readonly store: Pick<ArchiveStore, 'readText' | 'create' | 'write'>;
  readonly sendMail: (mail: Mail) => Promise<void>;
  readonly now: Date;
};

/**
 * Tells of a fault at once if it is its source's first of this hour, and notes it for the mail that tells of all.
 *
 * @returns Whether a mail was sent.
 * @throws Whatever keeps the mail from being sent; another attempt sends it then.
 * @remarks A store that does not answer keeps nothing back: in doubt there are two mails, never none.
 */
export async function tellByTheHour(
  { store, sendMail, now }: HourlyTeller,
  fault: ArchiveFault,
  mail: Mail,
): Promise<boolean> {
  const keys = faultKeys(fault, now);
  const isFirst = await inTime(
    store.write(keys.fault, '').then(() => isFirstOf(store, keys.first, keys.entry)),
  ).catch(() => true);
  if (isFirst) await sendMail(mail);
  return isFirst;
}

/** An attempt that could not send its mail is the first one still. */
async function isFirstOf(store: HourlyTeller['store'], key: string, entry: string): Promise<boolean> {
  // Not every store knows how to create only.
  const first = await store.readText(key);
  if (first !== undefined) return first.text === entry;
  const created = await store.create(key, entry).catch(nothingIf(/^ARCHIVE_EXISTS$/));
  return created !== undefined || (await store.readText(key))?.text === entry;
}

/** Finds the hours of a source that are over and of which not everything is told, as {@link untoldHours} does. */
export async function findUntold(
  store: Pick<ArchiveStore, 'list'>,
  source: string,
  now: Date,
): Promise<UntoldHour[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(faultsFolder(source))) keys.push(key);
  return untoldHours(source, keys, now);
}
