// Repeats what is asked of the store while the store cannot be reached or is in trouble of its own, and remembers what the SDK's retries
// forget: whether an earlier attempt of a write may have been carried out although nobody heard so. For the agent cannot look.

import { setTimeout as sleep } from 'node:timers/promises';
import { formatDuration } from '../base/quantities.ts';
import { describeTrouble, isTaken, storeError } from './errors.ts';
import { ForeignAnswer, UnprovenAnswer } from './proof.ts';
import type { S3Session } from './session.ts';
import { markMaybeStored } from './store.ts';
import { type AwsError, mayBeMistyped, troubleOf } from './trouble.ts';

/** How often that is tried which time does not mend: checksums that do not match, credentials that expire as soon as given. */
const fewAttempts = 3;

export type Persistence<T> = {
  /** What is tried, as in "<doing> failed". */
  readonly doing: string;
  readonly signal?: AbortSignal | undefined;
  /** In place of the session's patience. */
  readonly troubleMs?: number;
  /**
   * Judges a refusal that may come from an earlier attempt having been carried out.
   *
   * @returns The result, if it was; `undefined` if this refusal says nothing of the kind.
   */
  readonly doneEarlier?: (refusal: Error) => Promise<T | undefined> | T | undefined;
};

/**
 * Asks until it is answered or refused, or the patience for reads ends.
 *
 * @throws The last error, as it is: what is absent, or beyond the end, is an answer to some.
 */
export async function persistRead<T>(session: S3Session, doing: string, send: () => Promise<T>): Promise<T> {
  let last: unknown;
  const asked = () =>
    send().catch((error) => {
      last = error;
      throw error;
    });
  return persist(session, asked, { doing, troubleMs: session.patience.readTroubleMs }).catch((error) => {
    throw last ?? error;
  });
}

/**
 * Sends a write until it is carried out or refused, or patience ends.
 *
 * @param send - Makes one attempt, the first of which has the number 1.
 * @throws What {@link storeError} makes of the last error; the signal's reason if it aborts.
 */
export async function persist<T>(
  session: S3Session,
  send: (attempt: number) => Promise<T>,
  options: Persistence<T>,
): Promise<T> {
  const { signal, doing, troubleMs = session.patience.troubleMs } = options;
  let troubleSince: number | undefined;
  let maybeDone = false;
  let inVain = 0;
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    const began = performance.now();
    try {
      const result = await noticed(send(attempt), doing, session);
      session.hasAnswered = true;
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      session.hasAnswered ||= isHeard(error);
      const trouble = troubleNow(error, session);
      if (trouble === 'refused' && maybeDone) {
        const result = await options.doneEarlier?.(error as Error);
        if (result !== undefined) return result;
      }
      maybeDone ||= trouble === 'unheard' || error instanceof UnprovenAnswer;
      if (trouble === 'mismatched' || trouble === 'expired') inVain += 1;
      troubleSince ??= began;
      const lastedMs = performance.now() - troubleSince;
      const limitMs = Math.min(troubleMs, firstLimitMs(error, session));
      if (trouble === 'refused' || inVain >= fewAttempts || lastedMs >= limitMs) {
        throw gaveUp(error, doing, { attempt, lastedMs, maybeDone: maybeDone && !isTaken(error) });
      }
      session.onTrouble?.(`${doing}: ${describeTrouble(error)}`);
      if (trouble === 'expired') await session.renewCredentials().catch(() => undefined);
      await pause(session, attempt, Math.max(1, limitMs - lastedMs), signal);
    }
  }
}

/** Says so while something takes long: a store may swallow bytes and say nothing. */
async function noticed<T>(
  sending: Promise<T>,
  doing: string,
  { patience, onTrouble }: S3Session,
): Promise<T> {
  const slow = setTimeout(() => {
    onTrouble?.(`${doing}: not acknowledged after ${formatDuration(patience.noticeMs)}`);
  }, patience.noticeMs);
  return sending.finally(() => clearTimeout(slow));
}

/** Credentials that were given once and are not now, come from a service that is out of reach like the store. */
function troubleNow(error: unknown, session: S3Session): ReturnType<typeof troubleOf> {
  const isPassing = session.hasAnswered && (error as Error).name === 'CredentialsProviderError';
  return isPassing ? 'busy' : troubleOf(error);
}

/** Whether the store itself said something. */
function isHeard(error: unknown): boolean {
  return !(error instanceof ForeignAnswer) && (error as AwsError).$metadata?.httpStatusCode !== undefined;
}

function firstLimitMs(error: unknown, { hasAnswered, patience }: S3Session): number {
  return !hasAnswered && mayBeMistyped(error) ? patience.mistypedMs : Number.POSITIVE_INFINITY;
}

async function pause(
  { patience }: S3Session,
  attempt: number,
  longestMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const wholeMs = Math.min(patience.longestPauseMs, patience.firstPauseMs * 2 ** (attempt - 1), longestMs);
  // Half of it by chance, so that parts, and agents, do not come back all at once.
  const pauseMs = wholeMs * (0.5 + Math.random() / 2);
  await sleep(pauseMs, undefined, signal === undefined ? {} : { signal }).catch((error) => {
    throw signal?.reason ?? error;
  });
}

/** What is said of a failure, without how often that was tried: the same is said once of it. */
export function withoutTries(text: string): string {
  return text.replaceAll(/ \(tried [^)]*\)/g, '');
}

function gaveUp(
  error: unknown,
  doing: string,
  { attempt, lastedMs, maybeDone }: { attempt: number; lastedMs: number; maybeDone: boolean },
): Error {
  const tried = attempt === 1 ? '' : ` (tried ${attempt} times in ${formatDuration(lastedMs)})`;
  const explained = storeError(error, doing, tried);
  return maybeDone ? markMaybeStored(explained) : explained;
}
