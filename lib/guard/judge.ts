// An archive of any kind is judged here, whoever has found it: the cloud by an event, the guard by a listing.

import { ofDatabase } from '../archive/kind.ts';
import { ofBaseBackups } from '../basebackup/kind.ts';
import type { Announced } from '../deployment/events.ts';
import { ofSidecar } from '../sidecar/kind.ts';
import { type SidecarVerifyOptions, verifySidecarOnce } from '../sidecar/verify.ts';
import { type VerifyBaseBackupOnceOptions, verifyBaseBackupOnce } from '../verify/base-backup.ts';
import type { ByteVerified } from '../verify/judge-once.ts';
import {
  type Awaiting,
  type BegunInRanges,
  type Verified,
  type VerifyOnceOptions,
  verifyOnce,
} from '../verify/verify.ts';

export const allKinds = [ofDatabase, ofSidecar, ofBaseBackups];

export type JudgeOptions = Omit<VerifyOnceOptions, 'id' | 'occasion'> &
  Pick<SidecarVerifyOptions, 'roomBytes'> &
  Pick<VerifyBaseBackupOnceOptions, 'limits' | 'readInTask'>;

/**
 * Judges what was announced, tells of it if it is not intact, and writes the verdict.
 *
 * @throws What says nothing of its bytes.
 */
export async function judgeArchive(
  { kind, id, occasion }: Announced,
  options: JudgeOptions,
): Promise<Verified | ByteVerified | BegunInRanges | Awaiting | { readonly awaits: 'task' }> {
  const isDue = occasion === 'due';
  if (kind === ofSidecar) return verifySidecarOnce({ ...options, id, isDue });
  if (kind === ofBaseBackups) return verifyBaseBackupOnce({ ...options, id, isDue });
  return verifyOnce({ ...options, id, occasion });
}
