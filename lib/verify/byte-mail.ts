// The mail about an archive whose verdict speaks of bytes alone, and which is not intact: a sidecar's, or a base backup.

import type { ByteVerdict, FaultyByteVerdict } from '../archive/byte-verdict.ts';
import type { ByteKind } from '../archive/kind.ts';
import { formatInstant } from '../base/quantities.ts';
import { composeMail, type Mail } from '../mail/mail.ts';
import { deviationLines, lossMail, wasProven } from './mail.ts';

/** @param before - The verdict of before: of what was proven, the loss is told. */
export function byteVerdictMail({ words }: ByteKind, verdict: FaultyByteVerdict, before?: ByteVerdict): Mail {
  if (wasProven(before)) return lossMail(verdict, before, words);
  const { id, verifiedAt } = verdict;
  const { named, damaged, unconcerned, advice, rest } = words;
  const meaning =
    verdict.verdict === 'damaged'
      ? damaged
      : 'The agent saw it stored; now it, or its manifest, is not in the vault.';
  return composeMail(
    `[offsite] ${verdict.verdict.toUpperCase()} ${named}: ${id}`,
    [
      `The ${named} ${id} is ${verdict.verdict}. ${meaning} ${unconcerned}`,
      deviationLines(verdict),
      `What to do: ${advice} If it comes back, look at the host: memory, network, disk.`,
      rest,
      `Verified ${formatInstant(new Date(verifiedAt))}.`,
    ],
    'archiveNotIntact',
  );
}
