// Files of the log are read again once, soon after they were stored: whole gzip, the sum that their key says, and of a segment its own
// head: that it is log, whose, and of which place. What is as it should be leaves no word: there may be one a second.

import { parseWalKey, type WalName, walVerdictKey } from '../archive/wal-names.ts';
import { eachOf } from '../base/each-of.ts';
import { OffsiteError } from '../base/errors.ts';
import { jsonText } from '../base/parse-json.ts';
import { tellByTheHour } from '../mail/by-the-hour.ts';
import type { Mail } from '../mail/mail.ts';
import type { ArchiveStore } from '../store/store.ts';
import { copiesOf, proveWal } from '../wal/bring.ts';
import { parseDueLog } from '../wal/due.ts';
import { damagedLogMail } from './log-mails.ts';

export type VerifyLogOptions = {
  readonly store: ArchiveStore;
  /** Of the request. */
  readonly key: string;
  readonly now: () => Date;
  readonly sendMail: (mail: Mail) => Promise<void>;
};

/** Hides the store's latency; inflating takes one processor all the same. */
const atOnce = 8;

/**
 * Reads the files that a request names.
 *
 * @returns How many were read, and which are damaged; of each of those stands a verdict then, and the operator was told.
 * @throws What the store fails with: another attempt reads them.
 */
export async function verifyLog(
  options: VerifyLogOptions,
): Promise<{ readonly read: number; readonly damaged: readonly string[] }> {
  const { store, key } = options;
  const stored = await store.readText(key);
  // The lifecycle took it: whoever hands its event in later asks for nothing.
  if (stored === undefined) return { read: 0, damaged: [] };
  const keys = parseDueLog(stored.text);
  const names = keys.map(parseWalKey).filter((name) => name !== undefined);
  const damaged: string[] = [];
  // What was begun is not read: its key has its sum.
  const whole = keys.filter((one) => parseWalKey(one)?.file.kind !== 'begun');
  await eachOf(whole, atOnce, async (one) => {
    const name = parseWalKey(one);
    if (name !== undefined && !(await isWhole(options, one, name, names))) damaged.push(one);
  });
  return { read: whole.length, damaged };
}

async function isWhole(
  options: VerifyLogOptions,
  key: string,
  name: WalName,
  others: readonly WalName[],
): Promise<boolean> {
  const { store, now, sendMail } = options;
  const { file, sha256, source } = name;
  try {
    // A request is of one cluster's log.
    const there = others.map((one) => ({ ...one.file, sha256: one.sha256 }));
    await proveWal(store, name, { ...file, sha256, key }, copiesOf(file, there));
    return true;
  } catch (error) {
    if (!(error instanceof OffsiteError)) throw error;
    // Retention took it meanwhile, or a person: who looks for gaps sees it.
    if (error.code === 'ARCHIVE_GONE') return true;
    if (!['ARCHIVE_DAMAGED', 'WAL_CONFLICT', 'WAL_INVALID', 'WAL_FOREIGN'].includes(error.code)) throw error;
    const { expected, found } = error;
    const fault = { source, archive: `wal-${file.name}`, what: 'damaged' };
    await tellByTheHour(
      { store, sendMail, now: now() },
      fault,
      damagedLogMail(source, file.name, expected, found),
    );
    const verdict = { format: 1, verdict: 'damaged', key, expected, found, verifiedAt: now().toISOString() };
    await store.write(walVerdictKey(name), jsonText(verdict));
    return false;
  }
}
