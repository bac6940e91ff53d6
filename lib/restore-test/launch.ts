// launch-restore-test: picks the newest intact archive of each source and starts a task that is large enough for it.

import { createHash } from 'node:crypto';
import { newestIntact } from '../archive/catalogue-of.ts';
import { readCatalogue, readVerdict } from '../archive/read-catalogue.ts';
import { OffsiteError } from '../base/errors.ts';
import { sizeRestoreTask, type TaskSize } from '../cost/task-size.ts';
import { composeMail, type Mail } from '../mail/mail.ts';
import { tellOnce } from '../mail/tell-once.ts';
import type { ArchiveStore } from '../store/store.ts';
import { pointBytes } from './point-base.ts';

export type LaunchOptions = {
  readonly store: ArchiveStore;
  readonly sources: readonly string[];
  /** Names the request that this run answers; the same one never starts a second task. */
  readonly requestId: string;
  /** Starts the task; gives its ARN. */
  readonly launch: (archiveId: string, size: TaskSize, token: string) => Promise<string>;
  readonly sendMail: (mail: Mail) => Promise<void>;
  readonly now: Date;
};

export type Launch =
  | { readonly source: string; readonly archiveId: string; readonly size: TaskSize; readonly taskArn: string }
  | { readonly source: string; readonly refused: string };

/**
 * Launches the restore test of the first source whose test can be started: one runs at a time.
 *
 * @returns One launch for each source that had its turn; one whose test could not be started has been reported by mail,
 *   once a request.
 * @throws What nobody expected, after all sources that have one had their turn: another run with the same request goes on.
 */
export async function launchRestoreTests(options: LaunchOptions): Promise<Launch[]> {
  const { sources, requestId } = options;
  const launches: Launch[] = [];
  const failures: unknown[] = [];
  for (const source of sources) {
    try {
      launches.push(await launchOne(source, options));
      break;
    } catch (error) {
      if (error instanceof OffsiteError) {
        // This run may be repeated, for another source's sake or because its event came twice.
        await tellOnce(options, `not-launched-${source}-${requestId}`, notLaunchedMail(source, error));
        launches.push({ source, refused: error.code });
      } else failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return launches;
}

async function launchOne(source: string, { store, requestId, launch }: LaunchOptions): Promise<Launch> {
  const entries = await readCatalogue(store, source, { intactEnough: 1 });
  const newest = newestIntact(entries);
  if (newest === undefined) {
    throw new OffsiteError('NOTHING_INTACT', `there is no intact archive of ${source}`, {
      expected: 'at least one archive with the verdict intact',
      found: entries.length === 0 ? 'no archive at all' : `none intact among ${entries.length}`,
      hint: "back up ('offsite backup') and wait for the verdict ('offsite list')",
    });
  }
  // Not from the manifest, which lists every member: of a terabyte's archive that takes more memory than this has.
  const verdict = await readVerdict(store, newest.id);
  if (verdict === undefined) throw new Error(`the verdict on ${newest.id.id} has gone`);
  const size = sizeRestoreTask(verdict.plainBytes, await pointBytes(store, source));
  const archiveId = newest.id.id;
  const token = createHash('sha256').update(`${requestId} ${archiveId}`).digest('hex');
  return { source, archiveId, size, taskArn: await launch(archiveId, size, token) };
}

/** Tells that a restore test could not be started. */
export function notLaunchedMail(source: string, error: OffsiteError): Mail {
  return composeMail(
    `[offsite] RESTORE TEST NOT STARTED: ${source}`,
    [
      `The restore test of ${source} was not started: ${error.message}.`,
      `expected  ${error.expected}\nfound     ${error.found}`,
      `What to do: ${error.hint}.`,
    ],
    'restoreTestLost',
  );
}
