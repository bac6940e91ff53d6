// The story from the first back-up to the restored database, step by step.

import type { AwsCall } from './aws/aws-calls.ts';
import { alertTest } from './chapters/alert-test.ts';
import * as fifteenNights from './chapters/fifteen-nights.ts';
import * as firstNight from './chapters/first-night.ts';
import * as misfortunes from './chapters/misfortunes.ts';
import * as opening from './chapters/opening.ts';
import * as restoreTest from './chapters/restore-test.ts';
import * as wayBack from './chapters/way-back.ts';
import type { Narrator } from './stage/narrator.ts';
import { type Cloud, type Database, deploy, type Stage, startDatabase } from './stage/stage.ts';
import { openBook, type StepRecord } from './stage/story.ts';

/** What `--json` writes. */
export type Figures = {
  /** Whether every step was reached and went as expected. */
  readonly asExpected: boolean;
  readonly durationMs: number;
  readonly steps: readonly StepRecord[];
  /** What the programs asked of AWS, each once. */
  readonly awsCalls: readonly AwsCall[];
};

/**
 * Plays the whole story and tells it.
 *
 * @param torrents - How many the database gets, beside the hostile ones.
 * @returns Its figures, and host and cloud if they came up; a step that fails is in the figures, and not an error.
 */
export async function perform(
  narrator: Narrator,
  stage: Stage,
  torrents: number,
): Promise<{ figures: Figures; database: Database | undefined; cloud: Cloud | undefined }> {
  const startedAt = performance.now();
  const { play, records } = openBook(narrator);
  // Side by side, as they take the longest. Whichever fails is told of by the step that waits for it.
  const loading = startDatabase(stage, torrents);
  const deploying = deploy(stage);
  for (const started of [loading, deploying]) started.catch(() => undefined);
  const expected = torrents + opening.hostileRows;

  const host = await play('Host and database', (scene) => opening.meetDatabase(scene, loading, expected));
  const cloud = await play('The stack', (scene) => opening.meetStack(scene, deploying));
  const id = await play('Back up', (scene) => firstNight.backUp(scene, stage, host.database));
  await play('Verify, by event', (scene) => firstNight.verifyByEvent(scene, stage, cloud, id, expected));
  await play('List', (scene) => firstNight.list(scene, stage, host.database, id, expected));
  const nights = await play('Fifteen nights', (scene) => fifteenNights.passNights(scene, stage, cloud, id));
  await play('Retention, planned', (scene) => fifteenNights.planExpiry(scene, stage, cloud, id, nights));
  await play('Retention, done', (scene) => fifteenNights.expire(scene, stage, cloud, id, nights));
  await play('Restore test', (scene) => restoreTest.restoreTest(scene, stage, cloud, id, expected));
  await play('The mail about it', (scene) => restoreTest.readMail(scene, stage, expected));
  await play('The watch', (scene) => restoreTest.watch(scene, stage, cloud, id));
  await play('A test mail', (scene) => alertTest(scene, stage, host.database, cloud));
  await play('A bit flips', (scene) => misfortunes.flipBit(scene, stage, host.database, cloud, id));
  await play('A dump dies half-way', (scene) => misfortunes.killDump(scene, stage, host.database));
  const file = await play('Fetch and gunzip -t', (scene) =>
    wayBack.fetchLatest(scene, stage, host.database, id),
  );
  await play('psql, by hand', (scene) =>
    wayBack.restoreByHand(scene, stage, host.database, file, host.census),
  );

  // A story that ended early may not have waited for them.
  await Promise.allSettled([loading, deploying]);
  const durationMs = Math.round(performance.now() - startedAt);
  narrator.table(records, durationMs);
  const asExpected = records.every(({ outcome }) => outcome === 'as expected');
  const { calls: awsCalls } = stage.aws.callLog;
  return { figures: { asExpected, durationMs, steps: records, awsCalls }, database: host?.database, cloud };
}
