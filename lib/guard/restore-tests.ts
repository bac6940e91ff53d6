// The guard's restore tests: whose turn it is, and when, is decided as in the cloud (take-turns); here the test runs at once,
// and the next one's turn comes when it has ended.

import { archivesPrefix, parseArchiveId } from '../archive/names.ts';
import { sourcesBelow } from '../archive/read-catalogue.ts';
import { formatInstant } from '../base/quantities.ts';
import { composeMail, type Mail } from '../mail/mail.ts';
import { tellOnce } from '../mail/tell-once.ts';
import type { RestoreReport } from '../report/report.ts';
import { retryDays } from '../restore-task/lost-test.ts';
import type { Launch } from '../restore-test/launch.ts';
import { type RestoreTestOptions, restoreTest } from '../restore-test/restore-test.ts';
import { parseTurns, takeTurns, type Wake } from '../restore-test/take-turns.ts';
import { type Turns, turnsKey } from '../restore-test/turns.ts';
import type { ArchiveStore } from '../store/store.ts';
import type { TestServer } from './test-server.ts';

export type GuardTestsOptions = {
  readonly store: ArchiveStore;
  readonly bucket: string;
  readonly endpoint?: string | undefined;
  /** Those that are expected; of others that have archives, each has its turn too. */
  readonly sources: readonly string[];
  /** Whether somebody wants one of each now. */
  readonly isWanted?: boolean | undefined;
  /** What a test restores into. @throws Where there is nothing: that is told as a test that could not be started. */
  readonly findServer: () => TestServer;
  /** How a server that recovers one of a source's points comes to its log; without it, none is recovered. */
  readonly pointOf?: ((source: string) => Promise<RestoreTestOptions['point']>) | undefined;
  readonly now: () => Date;
  readonly sendMail: (mail: Mail) => Promise<void>;
  readonly log: (line: string) => void;
  readonly onReport: (report: RestoreReport) => void;
  readonly signal?: AbortSignal | undefined;
};

/** Names a test of a guard where a task of AWS has its ARN. */
const testPrefix = 'guard:';

/**
 * Runs the tests whose turn it is, one after the other. Each has written its report and mailed it when it has ended.
 *
 * @returns Those that could not be started; of each a mail was sent.
 */
export async function runRestoreTests(options: GuardTestsOptions): Promise<Launch[]> {
  const { store, findServer, now, signal } = options;
  const sources = [...new Set([...options.sources, ...(await sourcesBelow(store, archivesPrefix))])];
  const refused: Launch[] = [];
  let wake: Wake = await wakeOf(options);
  const requestId = now().toISOString();
  for (;;) {
    signal?.throwIfAborted();
    const before = await readTurns(store);
    let begun:
      | { readonly archiveId: string; readonly server: TestServer; readonly taskArn: string }
      | undefined;
    const { launches } = await takeTurns(wake, {
      ...options,
      sources,
      requestId,
      now: now(),
      launch: async (archiveId) => {
        begun = {
          archiveId,
          server: findServer(),
          taskArn: `${testPrefix}${archiveId}:${now().toISOString()}`,
        };
        return begun.taskArn;
      },
    });
    refused.push(...launches.filter((launch) => 'refused' in launch));
    if (begun === undefined) return refused;
    await test(begun.archiveId, begun.server, options).catch(async (error) => {
      // Nothing was wrong: its turn is as it was, for the next run.
      if (signal?.aborted) await store.write(turnsKey, JSON.stringify({ ...before, running: undefined }));
      throw error;
    });
    wake = { by: 'task', taskArn: begun.taskArn };
  }
}

async function test(archiveId: string, server: TestServer, options: GuardTestsOptions): Promise<void> {
  options.log(`restore-test: ${archiveId} into ${server.what}`);
  const point = await options.pointOf?.(parseArchiveId(archiveId).source);
  const startServer = server.start;
  const report = await restoreTest({ ...options, archiveId, startServer, point, isRunAgain: true });
  options.onReport(report);
}

/** A test that runs is one of this guard's, which has only just begun: so it was lost, with the guard that began it. */
async function wakeOf({ store, isWanted, now, sendMail }: GuardTestsOptions): Promise<Wake> {
  const { running } = await readTurns(store);
  if (running === undefined || !running.taskArn.startsWith(testPrefix))
    return { by: isWanted ? 'person' : 'clock' };
  const { taskArn, since } = running;
  await tellOnce({ store, sendMail, now: now() }, taskArn, lostMail(taskArn, new Date(since)));
  return { by: isWanted ? 'person' : 'task', taskArn };
}

async function readTurns(store: ArchiveStore): Promise<Turns> {
  return parseTurns((await store.readText(turnsKey))?.text);
}

function lostMail(taskArn: string, since: Date): Mail {
  const archive = taskArn.slice(testPrefix.length).replace(/:.*$/, '');
  return composeMail(`[offsite] RESTORE TEST FAILED: ${parseArchiveId(archive).source}, it was killed`, [
    `The restore test of ${archive}, begun ${formatInstant(since)}, ended without a word: the guard was killed, or its machine went down. Whether the archive can be restored is not known by that.`,
    `What to do: look at what the guard said last (journalctl -u offsite-guard), memory and disk first. The test is tried again in ${retryDays} days; sooner: offsite guard --restore-test.`,
  ]);
}
