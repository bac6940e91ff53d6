// What the restore test's container runs: one archive, a Postgres of its own, a report, a mail. Its exit code says whether
// the mail is out; if not, somebody else has to tell (the task's state change does). With the word `verify` it judges a base
// backup that is too large for a function.

import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { parseArchiveId } from '../lib/archive/names.ts';
import { describeError, OffsiteError } from '../lib/base/errors.ts';
import { environmentNames } from '../lib/deployment/environment.ts';
import { publishMail } from '../lib/mail/send.ts';
import { noteTold } from '../lib/mail/tell-once.ts';
import { startThrowawayPostgres, unknownSuperuser } from '../lib/postgres/throwaway.ts';
import { hasPassed } from '../lib/report/report.ts';
import { restoreTestExitCodes as exitCodes } from '../lib/restore-task/lost-test.ts';
import { readOwnTask } from '../lib/restore-task/metadata.ts';
import { restoreTest } from '../lib/restore-test/restore-test.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { noLimits, verifyBaseBackupOnce } from '../lib/verify/base-backup.ts';
import { clusterIn } from '../lib/wal/cluster.ts';
import { runRestoreCommand } from '../lib/wal/fetch.ts';
import { heedRestoreCommand, ownRestoreCommand } from '../lib/wal/restore-command.ts';

// Fargate kills 30 s after it asked: by then the report must be out.
const reportWithinMs = 25_000;

const interruption = new AbortController();

async function test(): Promise<number> {
  const environment = readEnvironment();
  const { signal } = interruption;
  const store = createS3Store({ bucket: environment.bucket });
  const log = (line: string) => console.log(line);
  const { ECS_CONTAINER_METADATA_URI_V4: metadata, [environmentNames.surcharges]: surcharges } = process.env;
  const task = await readOwnTask(metadata, surcharges);
  const report = await restoreTest({
    store,
    archiveId: environment.archiveId,
    startServer: () => startThrowawayPostgres({ tuned: true, superuser: unknownSuperuser(), signal }),
    point: { restoreCommand: ownRestoreCommand(), env: process.env },
    task: task?.facts,
    region: process.env.AWS_REGION,
    bucket: environment.bucket,
    sendMail: async (mail) => {
      await publishMail(environment.topicArn, mail);
      // Killed from here on, it has told: the notice of its stop names the same task, and is no second mail.
      if (task !== undefined) await noteTold({ store, now: new Date(), log }, task.arn, mail);
    },
    now: () => new Date(),
    log,
    signal,
  });
  if (report.outcome === 'failed') console.error(JSON.stringify(report.failure));
  if (report.point?.outcome === 'failed') console.error(JSON.stringify(report.point.failure));
  return exitCodes[hasPassed(report) ? 'passed' : 'failed'];
}

/** By then the next day's task has begun, or nobody wants one. */
const verifyWithinMs = 20 * 3_600_000;

/** Judges a base backup as `verify` does, and takes the time that it needs. */
async function judge(): Promise<number> {
  const { bucket, topicArn, archiveId } = readEnvironment();
  setTimeout(() => process.exit(exitCodes.unreported), verifyWithinMs).unref();
  const answer = await verifyBaseBackupOnce({
    store: createS3Store({ bucket }),
    id: parseArchiveId(archiveId),
    isDue: process.env[environmentNames.occasion] === 'due',
    limits: noLimits,
    now: () => new Date(),
    sendMail: (mail) => publishMail(topicArn, mail),
  });
  console.log(JSON.stringify(answer));
  return exitCodes.passed;
}

const fetchedAhead = 8;

/** Called by Postgres, in the data directory that it recovers: `%f %p --until SEGMENT`. */
async function fetchLog([name = '', path = '', , until]: readonly string[]): Promise<void> {
  const { bucket, archiveId } = readEnvironment();
  const systemIdentifier = await clusterIn('.');
  if (systemIdentifier === undefined) throw new Error('there is no cluster in the working directory');
  const cluster = { source: parseArchiveId(archiveId).source, systemIdentifier };
  await runRestoreCommand({
    store: async () => createS3Store({ bucket }),
    cluster: async () => cluster,
    name,
    path,
    ahead: fetchedAhead,
    until,
  });
}

function readEnvironment() {
  const { bucket, topicArn, archiveId } = environmentNames;
  const given = z.string().min(1);
  const parsed = z.object({ bucket: given, topicArn: given, archiveId: given }).safeParse({
    bucket: process.env[bucket],
    topicArn: process.env[topicArn],
    archiveId: process.env[archiveId],
  });
  if (!parsed.success) {
    throw new OffsiteError('CONFIG_INVALID', 'the environment of the restore test is not complete', {
      expected: `${bucket}, ${topicArn} and ${archiveId}`,
      found: `nothing in ${parsed.error.issues.map(({ path }) => environmentNames[path[0] as 'bucket']).join(', ')}`,
      hint: 'the stack sets the first two on the task, the launcher the third: start it by the launcher',
    });
  }
  return parsed.data;
}

function runTest(): void {
  // A log that nobody reads any more is no reason to end without a report.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    // Not once(): execa's own listener ends the process when it finds itself the last one.
    process.on(name, () => {
      interruption.abort(
        new OffsiteError('INTERRUPTED', 'the restore test was told to stop before its end', {
          expected: 'to be left alone until the end',
          found: `signal ${name}`,
          hint: 'the task was stopped by hand, ran out of time or lost its host: start it again',
        }),
      );
      void sleep(reportWithinMs, undefined, { ref: false }).then(() => process.exit(exitCodes.unreported));
    });
  }
  run(test);
}

function run(main: () => Promise<number>): void {
  // Until it is known better: a program that has nothing to wait for any more ends by itself, and says nothing.
  process.exitCode = exitCodes.unreported;
  main().then(
    (code) => {
      process.exitCode = code;
    },
    (error) => {
      console.error(describeError(error));
      process.exitCode = exitCodes.unreported;
    },
  );
}

const [what, , ...files] = process.argv.slice(2);
if (what === 'wal') {
  heedRestoreCommand(process.argv.slice(2));
  fetchLog(files).catch((error) => {
    console.error(describeError(error));
    process.exitCode = exitCodes.unreported;
  });
} else if (what === 'verify') run(judge);
else runTest();
