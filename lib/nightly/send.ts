// Sends what is told of a night. Whoever does not answer, or not well, costs a limited time and a warning, and never the
// night: an archive that is stored is stored.

import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { agentsOf } from '../store/agents.ts';
import type { Notice } from './night.ts';

export type SendLimits = {
  /** Of one attempt. */
  readonly attemptMs: number;
  /** Of all attempts and the pauses between them. */
  readonly allMs: number;
  readonly pauseMs: number;
};

export const usualLimits: SendLimits = { attemptMs: 6000, allMs: 15_000, pauseMs: 1000 };

/** Too many requests, or a fault of its own: it may answer well in a moment. */
const passing = (code: number) => code === 408 || code === 429 || code >= 500;

/** Sends notices, side by side. @returns What to warn of: a sentence for each that was not taken. */
export async function sendNotices(
  notices: readonly Notice[],
  limits: SendLimits = usualLimits,
  signal?: AbortSignal,
): Promise<string[]> {
  const limit = AbortSignal.timeout(limits.allMs);
  const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  const told = await Promise.all(notices.map((notice) => sendOne(notice, limits, either)));
  return told.filter((sentence) => sentence !== undefined);
}

async function sendOne(notice: Notice, limits: SendLimits, signal: AbortSignal): Promise<string | undefined> {
  let found = 'no answer in time';
  try {
    for (let pauseMs = limits.pauseMs; ; pauseMs *= 2) {
      const attempt = AbortSignal.any([signal, AbortSignal.timeout(limits.attemptMs)]);
      const answer = await post(notice, attempt).catch((error: Error) => error);
      if (typeof answer === 'number' && answer < 300) return undefined;
      found = typeof answer === 'number' ? `HTTP ${answer}` : wordsOf(answer);
      if (typeof answer === 'number' && !passing(answer)) break;
      await sleep(pauseMs, undefined, { signal });
    }
  } catch {
    // The limit of all attempts: what was found last is what is told.
  }
  // The rest of the URL is its secret.
  return `${new URL(notice.url).origin}/… did not take word of this run: ${found}`;
}

function wordsOf({ name, message, code }: Error & { readonly code?: string }): string {
  return name === 'AbortError' || name === 'TimeoutError' ? 'no answer in time' : (code ?? message);
}

/** @returns The status code; its answer's body is of no interest. */
async function post({ url, headers, body }: Notice, signal: AbortSignal): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const isTls = url.startsWith('https:');
  // AWS_CA_BUNDLE is the store's.
  const { httpAgent, httpsAgent } = agentsOf(process.env, '');
  const options = {
    method: 'POST',
    agent: isTls ? httpsAgent : httpAgent,
    headers: { 'user-agent': 'bitagent-offsite', 'content-length': Buffer.byteLength(body), ...headers },
    signal,
  };
  const request = (isTls ? httpsRequest : httpRequest)(url, options, (answer) => {
    resolve(answer.statusCode ?? 0);
    answer.destroy();
  });
  request.on('error', reject).end(body);
  return promise;
}
