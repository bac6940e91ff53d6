// An archive whose verdict speaks of bytes alone is judged once, told of if it is not intact, and the verdict written down.

import { type ByteVerdict, type FaultyByteVerdict, parseByteVerdict } from '../archive/byte-verdict.ts';
import { tellByTheHour } from '../mail/by-the-hour.ts';
import type { Mail } from '../mail/mail.ts';
import type { ArchiveStore } from '../store/store.ts';

export type JudgeOnceOptions = {
  readonly store: ArchiveStore;
  /** Where the verdict is. */
  readonly key: string;
  /** Of the bytes that are meant. */
  readonly etag: string;
  readonly judge: () => Promise<ByteVerdict>;
  /** What the archive is called among faults, before its id. */
  readonly kind: 'sidecar' | 'basebackup';
  readonly mailOf: (verdict: FaultyByteVerdict) => Mail;
  readonly sendMail: (mail: Mail) => Promise<void>;
};

/**
 * Judges an archive unless these very bytes have a verdict.
 *
 * @remarks Events come twice, and the mail goes first: a second one is better than none.
 */
export async function judgeOnce(
  options: JudgeOnceOptions,
): Promise<{ readonly verdict: ByteVerdict; readonly isNew: boolean }> {
  const { store, key, etag, kind, mailOf, sendMail } = options;
  const stored = await store.readText(key);
  const earlier = stored && parseByteVerdict(stored.text);
  if (earlier?.etag === etag) return { verdict: earlier, isNew: false };
  const verdict = await options.judge();
  if (isFaulty(verdict)) {
    const { id, source, verdict: what } = verdict;
    const teller = { store, sendMail, now: new Date(verdict.verifiedAt) };
    await tellByTheHour(teller, { source, archive: `${kind}-${id}`, what }, mailOf(verdict));
  }
  await store.write(key, `${JSON.stringify(verdict, null, 1)}\n`);
  return { verdict, isNew: true };
}

function isFaulty(verdict: ByteVerdict): verdict is FaultyByteVerdict {
  return verdict.verdict !== 'intact';
}
