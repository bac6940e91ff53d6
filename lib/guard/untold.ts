// A run that could not begin: the store does not answer, or refuses. What was told of that cannot be noted in the vault, so it is
// noted here: told at once, and again each day until the guard runs.

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, OffsiteError } from '../base/errors.ts';
import { makeFolder } from '../base/make-folder.ts';
import { hoursBetween } from '../base/quantities.ts';
import { composeMail, type Mail } from '../mail/mail.ts';
import { replaceFile, stateDirectory } from '../settings/agent-state-file.ts';

const reminderHours = 24;

/** Tells of a run that did not take place. @returns What to warn of, if nobody could be told. */
export async function tellOfNoRun(
  error: unknown,
  sendMail: (mail: Mail) => Promise<void>,
  now: Date,
): Promise<string | undefined> {
  const code = error instanceof OffsiteError ? error.code : 'UNEXPECTED';
  // A second guard is no fault of the first, and one that was interrupted runs again.
  if (code === 'GUARD_RUNS' || code === 'INTERRUPTED') return undefined;
  const told = await readNote();
  if (told?.code === code && hoursBetween(new Date(told.at), now) < reminderHours) return undefined;
  try {
    await sendMail(noRunMail(error));
  } catch (untold) {
    return `nobody could be told: ${(untold as Error).message}`;
  }
  try {
    await makeFolder(stateDirectory(), 0o700);
    await replaceFile(noteFile(), JSON.stringify({ code, at: now.toISOString() }));
    return undefined;
  } catch (fault) {
    return `you were told, and are again by each run: that cannot be noted in ${stateDirectory()} (${(fault as Error).message})`;
  }
}

/** A run has begun: the next that cannot is told of at once. */
export async function noteRun(): Promise<void> {
  await rm(noteFile(), { force: true }).catch(() => undefined);
}

function noteFile(): string {
  return join(stateDirectory(), 'guard-told.json');
}

/** What cannot be read costs a repeated mail. */
async function readNote(): Promise<{ readonly code?: unknown; readonly at: string } | undefined> {
  try {
    return JSON.parse(await readFile(noteFile(), 'utf8'));
  } catch {
    return undefined;
  }
}

function noRunMail(error: unknown): Mail {
  return composeMail('[offsite] THE GUARD DOES NOT RUN', [
    `The guard could not begin, or not go on. Until it can, nothing is verified or expired, and no mail says that a back-up is missing. What is in the vault stays as it is; whether the host still stores its back-ups, only the vault can say.`,
    describeError(error),
    'This mail comes once a day until it runs. offsite guard --check looks at all that it needs.',
  ]);
}
