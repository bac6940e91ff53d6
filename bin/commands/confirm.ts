// Asks a person, where there is one.

import { createInterface } from 'node:readline/promises';
import { OffsiteError } from '../../lib/base/errors.ts';

/**
 * Asks whether to go on.
 *
 * @param yes - Whether that was said already (`--yes`).
 * @throws {@link OffsiteError} `USAGE` if there is no terminal to ask on, or the answer is not yes. Nothing was changed.
 */
export async function confirm(question: string, yes: boolean, signal: AbortSignal): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw notConfirmed('no terminal to ask on', 'look at the plan with --dry-run, then say --yes');
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal }).catch((error) => {
      throw signal.aborted ? signal.reason : error;
    });
    if (!/^y(es)?$/i.test(answer.trim()))
      throw notConfirmed('another answer', 'run it again when you are ready');
  } finally {
    lines.close();
  }
}

function notConfirmed(found: string, hint: string): OffsiteError {
  return new OffsiteError('USAGE', 'nothing was changed: it was not confirmed', {
    expected: "the answer 'y', or --yes",
    found,
    hint,
  });
}
