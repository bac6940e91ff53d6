// An archive whose verdict speaks of bytes alone is judged once, told of if it is not intact, and the verdict written down.

import { type ByteVerdict, byteVerdictSchema, type FaultyByteVerdict } from '../archive/byte-verdict.ts';
import type { ByteKind } from '../archive/kind.ts';
import type { ArchiveId, Whose } from '../archive/names.ts';
import { readRecord } from '../archive/read-manifest.ts';
import type { Deviation } from '../archive/verdict.ts';
import { OffsiteError } from '../base/errors.ts';
import { jsonText, parseJson } from '../base/parse-json.ts';
import { toolVersion } from '../base/version.ts';
import { tellByTheHour } from '../mail/by-the-hour.ts';
import type { Mail } from '../mail/mail.ts';
import type { ArchiveStore } from '../store/store.ts';
import { byteVerdictMail } from './byte-mail.ts';
import { faultWords } from './mail.ts';
import { isDue } from './renew.ts';

export type JudgeOnceOptions = {
  readonly store: ArchiveStore;
  readonly id: ArchiveId;
  readonly kind: ByteKind;
  /** It is time to read them again, if their verdict is so old. */
  readonly isDue?: boolean | undefined;
  readonly now: () => Date;
  /** Reads them: those that its manifest names, or what is under their name now. */
  readonly judge: (isAgain: boolean) => Promise<ByteVerdict>;
  readonly sendMail: (mail: Mail) => Promise<void>;
};

/** What came of it. */
export type ByteVerified = { readonly verdict: ByteVerdict; readonly isNew: boolean };

/**
 * Judges an archive unless what is there has a verdict. At first those bytes that its manifest names; what has a verdict and is not
 * there any more, or has other bytes, is judged again, by what is under its name.
 *
 * @throws {@link OffsiteError} `MANIFEST_MISSING`, or that it cannot be trusted, of an archive that never had a verdict.
 * @remarks Events come twice, and the mail goes first: a second one is better than none.
 */
export async function judgeOnce(options: JudgeOnceOptions): Promise<ByteVerified> {
  const { store, id, kind, sendMail } = options;
  const key = kind.keysOf(id).verdict;
  const before = parseJson(byteVerdictSchema, (await store.readText(key))?.text);
  const hasManifest = await readRecord(store, kind.records, id).then(
    () => true,
    (error) => {
      if (before === undefined || !(error instanceof OffsiteError && error.code === 'MANIFEST_MISSING'))
        throw error;
      return false;
    },
  );
  if (before !== undefined && (await isStillSo(before, hasManifest, options)))
    return { verdict: before, isNew: false };
  const verdict =
    hasManifest || before === undefined
      ? await options.judge(before !== undefined)
      : withoutManifest(before, options);
  if (isFaulty(verdict)) {
    const teller = { store, sendMail, now: new Date(verdict.verifiedAt) };
    // As its keys have it: an archive of the database may have the same id.
    const archive = `${kind.prefix.replace(/s?\/$/, '')}-${verdict.id}`;
    const fault = { source: verdict.source, archive, what: faultWords(verdict, before) };
    await tellByTheHour(teller, fault, byteVerdictMail(kind, verdict, before));
  }
  await store.write(key, jsonText(verdict));
  return { verdict, isNew: true };
}

async function isStillSo(
  before: ByteVerdict,
  hasManifest: boolean,
  options: JudgeOnceOptions,
): Promise<boolean> {
  if (!hasManifest) return before.verdict === 'missing';
  if (options.isDue && isDue(before, options.now())) return false;
  return speaksOf(before, options);
}

function withoutManifest(before: ByteVerdict, { kind, now }: JudgeOnceOptions): ByteVerdict {
  const expected = `what was committed, at ${kind.keysOf(before).manifest}`;
  return missing(before, before, { what: 'manifest', expected, found: 'nothing there' }, now());
}

type Bytes = Pick<ByteVerdict, 'etag' | 'versionId'>;

/** The verdict on bytes that were read. */
export function verdictOn(
  { id, source }: Whose,
  { etag, versionId }: Bytes,
  deviations: Deviation[],
  now: Date,
): ByteVerdict {
  const verdict = deviations.length === 0 ? 'intact' : 'damaged';
  const verifiedAt = now.toISOString();
  return { verdict, format: 1, id, source, etag, versionId, toolVersion, verifiedAt, deviations };
}

/** The verdict where something is not there. @param bytes - What there was. */
export function missing(whose: Whose, bytes: Bytes, deviation: Deviation, now: Date): ByteVerdict {
  return { ...verdictOn(whose, bytes, [deviation], now), verdict: 'missing' };
}

async function speaksOf(
  { verdict, etag }: ByteVerdict,
  { store, kind, id }: JudgeOnceOptions,
): Promise<boolean> {
  const bytesKey = kind.keysOf(id).archive;
  let there: string | undefined;
  for await (const object of store.list(bytesKey)) if (object.key === bytesKey) there = object.etag;
  return verdict === 'missing' ? there === undefined : etag === there;
}

function isFaulty(verdict: ByteVerdict): verdict is FaultyByteVerdict {
  return verdict.verdict !== 'intact';
}
