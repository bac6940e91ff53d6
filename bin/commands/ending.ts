// How the program ends when it does not end well: an error as text and as an exit code, and signals as errors.

import { CommanderError } from 'commander';
import { describeError, exitCodeOf, exitCodes, OffsiteError, sayWhatIsSafe } from '../../lib/base/errors.ts';
import { bearBrokenOutput, printFault, tell } from './print.ts';
import { changesSomething, withSafeWords } from './safe-words.ts';

/** By then the upload was aborted and the dump has ended; whoever shuts the host down does not wait for a dead store. */
const interruptedWithinMs = 4300;

/** As of a program that SIGPIPE ends. */
const brokenPipe = 141;

/** SIGHUP is what a terminal sends, or an ssh session, that closes. */
const signals = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1, SIGQUIT: 3 } as const;

/** Ends the program at a signal. */
class Interruption {
  readonly #controller = new AbortController();
  #isHeeded = false;

  constructor() {
    for (const [name, number] of Object.entries(signals)) {
      // Not once(): execa's exit hook ends the process where no other listener is left.
      process.on(name, () => {
        // As nohup wants it; Node has set it back to its default.
        if (name !== 'SIGHUP' || process.env.OFFSITE_NOHUP === undefined) this.#interrupt(name, 128 + number);
      });
    }
  }

  /** For a command that ends what it began. The program of one that never asks for it is ended at once. */
  get signal(): AbortSignal {
    this.#isHeeded = true;
    return this.#controller.signal;
  }

  /** What to tell of an error: that the program was interrupted, where that is why. */
  causeOf(error: unknown): unknown {
    const cause = this.#controller.signal.aborted ? this.#controller.signal.reason : error;
    return sayWhatIsSafe(cause, error instanceof OffsiteError ? error.safe : undefined);
  }

  #interrupt(name: string, exitCode: number): void {
    const error = new OffsiteError('INTERRUPTED', `interrupted by ${name}`, {
      expected: 'to finish',
      found: name,
      hint: 'nothing half-written counts; run the same command again',
      exitCode,
    });
    this.#controller.abort(error);
    const end = () => process.exit(fail(error));
    if (this.#isHeeded) setTimeout(end, interruptedWithinMs).unref();
    else end();
  }
}

/** Of whatever command runs. */
export const interruption = new Interruption();

/** Says what went wrong. @returns The exit code. */
export function fail(error: unknown): number {
  // Nothing was typed, and all help was shown.
  if (error instanceof CommanderError) return exitCodes.usage;
  tell(describeError(withSafeWords(error)));
  if (process.env.DEBUG && error instanceof Error) tell(error.stack ?? '');
  return exitCodeOf(error);
}

/** Runs a command to its end, whatever that is, and sets the exit code. */
export async function runToEnd(run: () => Promise<unknown>, interruption: Interruption): Promise<void> {
  bearBrokenOutput();
  try {
    await run().catch(unlessAskedFor);
    const fault = await printFault();
    if (fault !== undefined && fault.code !== 'EPIPE')
      throw changesSomething() ? unheard(fault) : outputLost(fault);
  } catch (error) {
    const fault = await printFault();
    // Whoever read our stdout wanted no more: that is no failure.
    if (fault !== undefined && error === fault && fault.code === 'EPIPE') process.exitCode = brokenPipe;
    else process.exitCode = fail(error === fault ? outputLost(fault as Error) : interruption.causeOf(error));
  }
}

/** Help and version are printed on purpose. @throws What else there is. */
function unlessAskedFor(error: unknown): void {
  if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
}

/** Of what was done: to do it again, as a reader may, would be to restore, import or delete twice. */
function unheard(fault: Error): OffsiteError {
  const error = new OffsiteError(
    'OUTPUT_LOST',
    'all of it was done, and what was to be printed could not be written',
    {
      expected: 'a stdout that takes what is written',
      found: fault.message,
      hint: "where it changes something, do not run it again for that: 'offsite list' shows the archives, psql -l the databases",
      cause: fault,
    },
  );
  return sayWhatIsSafe(error, 'the command ended well: whatever it was to change is changed');
}

function outputLost(fault: Error): OffsiteError {
  return new OffsiteError('OUTPUT_LOST', 'what was to be printed could not be written', {
    expected: 'a stdout that takes what is written',
    found: fault.message,
    hint: 'run the same command again, with a stdout that is open (> FILE)',
    cause: fault,
  });
}
