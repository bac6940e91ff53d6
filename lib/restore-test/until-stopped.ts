// A server that is thrown away after use: stopped in any case, and what broke a session is told in its own last words.

import { setTimeout as sleep } from 'node:timers/promises';
import { serverLogError } from '../postgres/statement-error.ts';

/** A session breaks before the server has said why. */
const lastWordsMs = 300;

/** @throws What the work on it throws, or what its log says of that. */
export async function untilStopped(
  server: { log(): string; stop(): Promise<void> },
  log: (line: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    await sleep(lastWordsMs);
    throw serverLogError(error, server.log());
  } finally {
    await server.stop().catch((error) => log(`restore-test: stopping the server failed: ${error}`));
  }
}
