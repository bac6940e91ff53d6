// How the program ends when it does not end well: an error as text and as an exit code, and signals as errors.

import { CommanderError } from 'commander';
import { describeError, exitCodeOf, exitCodes, OffsiteError } from '../../lib/base/errors.ts';
import { usage } from './flags.ts';
import { tell } from './print.ts';

/** By then the upload was aborted and the dump has ended; whoever shuts the host down does not wait for a dead store. */
const interruptedWithinMs = 4300;

/** Makes SIGINT and SIGTERM abort what runs; what does not end by that is ended. */
export function interruptBySignals(interruption: AbortController): void {
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    // Not once(): execa's exit hook ends the process where no other listener is left.
    process.on(signal, () => {
      const error = new OffsiteError('INTERRUPTED', `interrupted by ${signal}`, {
        expected: 'to finish',
        found: signal,
        hint: 'nothing half-written counts; run again',
        exitCode: 128 + number,
      });
      interruption.abort(error);
      setTimeout(() => process.exit(fail(error)), interruptedWithinMs).unref();
    });
  }
}

/** Says what went wrong. @returns The exit code. */
export function fail(error: unknown): number {
  if (error instanceof CommanderError) {
    // Help and version were printed on purpose.
    if (error.exitCode === 0) return 0;
    if (error.code === 'commander.help') return exitCodes.usage;
    const [found = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
    return fail(usage('a command and flags that offsite knows', found, suggestion));
  }
  tell(describeError(error));
  if (process.env.DEBUG && error instanceof Error) tell(error.stack ?? '');
  return exitCodeOf(error);
}
