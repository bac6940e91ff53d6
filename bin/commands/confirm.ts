// Asks a person, where there is one.

import { createInterface } from 'node:readline/promises';
import { usage } from './flags.ts';

type Question = {
  readonly text: string;
  /** What is typed to go on, in one of these ways. */
  readonly answers: readonly string[];
  /** Whether that was said already (`--yes`). */
  readonly isSaid: boolean | undefined;
  /** What it is asked about, for its error. */
  readonly about: string;
};

/** @throws {@link OffsiteError} `USAGE` if there is no terminal to ask on, or the answer is another. Nothing was changed. */
export async function confirm(
  { text, answers, isSaid, about }: Question,
  signal: AbortSignal,
): Promise<void> {
  if (isSaid) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw usage(
      '--yes, where no terminal can be asked',
      about,
      'nothing was changed; if you are sure, say --yes',
    );
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  // In a terminal of its own it is no signal until somebody makes it one.
  asking.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    const typed = await asking.question(text, { signal }).catch((error) => {
      throw signal.aborted ? signal.reason : error;
    });
    if (!answers.includes(typed.trim()))
      throw usage(
        `the answer ${answers[0]}`,
        JSON.stringify(typed.trim()),
        'nothing was changed; to be asked again, run the same command again',
      );
  } finally {
    asking.close();
  }
}
