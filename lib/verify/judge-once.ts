// An archive whose verdict speaks of bytes alone is judged once, told of if it is not intact, and the verdict written down.

import { type ByteVerdict, type FaultyByteVerdict, parseByteVerdict } from '../archive/byte-verdict.ts';
import { jsonText } from '../base/parse-json.ts';
import { hoursBetween } from '../base/quantities.ts';
import { tellByTheHour } from '../mail/by-the-hour.ts';
import type { Mail } from '../mail/mail.ts';
import type { ArchiveStore } from '../store/store.ts';

/** Nothing is planned more often than daily. */
const restHours = 12;

export type JudgeOnceOptions = {
  readonly store: ArchiveStore;
  /** Where the verdict is. */
  readonly key: string;
  /** Where its bytes are. */
  readonly bytesKey: string;
  /** It is time to read them again, if their verdict is so old. */
  readonly isDue?: boolean | undefined;
  readonly now: () => Date;
  /** Reads them: those that its manifest names, or what is under their name now. */
  readonly judge: (isAgain: boolean) => Promise<ByteVerdict>;
  /** What the archive is called among faults, before its id. */
  readonly kind: 'sidecar' | 'basebackup';
  readonly mailOf: (verdict: FaultyByteVerdict) => Mail;
  readonly sendMail: (mail: Mail) => Promise<void>;
};

/**
 * Judges an archive unless what is there has a verdict. At first those bytes that its manifest names; what has a verdict and is not
 * there any more, or has other bytes, is judged again, by what is under its name.
 *
 * @remarks Events come twice, and the mail goes first: a second one is better than none.
 */
export async function judgeOnce(
  options: JudgeOnceOptions,
): Promise<{ readonly verdict: ByteVerdict; readonly isNew: boolean }> {
  const { store, key, kind, mailOf, sendMail } = options;
  const stored = await store.readText(key);
  const earlier = stored && parseByteVerdict(stored.text);
  const isOver = options.isDue && earlier !== undefined && isOld(earlier, options.now());
  if (earlier !== undefined && !isOver && (await speaksOf(earlier, options)))
    return { verdict: earlier, isNew: false };
  const verdict = await options.judge(earlier !== undefined);
  if (isFaulty(verdict)) {
    const { id, source, verdict: what } = verdict;
    const teller = { store, sendMail, now: new Date(verdict.verifiedAt) };
    await tellByTheHour(teller, { source, archive: `${kind}-${id}`, what }, mailOf(verdict));
  }
  await store.write(key, jsonText(verdict));
  return { verdict, isNew: true };
}

async function speaksOf(
  { verdict, etag }: ByteVerdict,
  { store, bytesKey }: JudgeOnceOptions,
): Promise<boolean> {
  let there: string | undefined;
  for await (const object of store.list(bytesKey)) if (object.key === bytesKey) there = object.etag;
  return verdict === 'missing' ? there === undefined : etag === there;
}

/** Of what is not intact there is nothing to renew; and an event may come twice. */
function isOld({ verdict, verifiedAt }: ByteVerdict, now: Date): boolean {
  return verdict === 'intact' && hoursBetween(new Date(verifiedAt), now) >= restHours;
}

function isFaulty(verdict: ByteVerdict): verdict is FaultyByteVerdict {
  return verdict.verdict !== 'intact';
}
