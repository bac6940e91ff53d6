// The story from the first back-up to the restored database, step by step.

import type { AwsCall } from './aws/aws-calls.ts';
import { createCloudKeeper } from './chapters/cloud.ts';
import * as fifteenNights from './chapters/fifteen-nights.ts';
import * as firstNight from './chapters/first-night.ts';
import { meetGuard } from './chapters/guard.ts';
import * as misfortunes from './chapters/misfortunes.ts';
import * as opening from './chapters/opening.ts';
import * as restoreTest from './chapters/restore-test.ts';
import { alertTest } from './chapters/restore-test.ts';
import * as toTheMinute from './chapters/to-the-minute.ts';
import * as wayBack from './chapters/way-back.ts';
import type { Night } from './stage/keeper.ts';
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
 * @param hasCloud - Whether the deployed stack keeps the promise, and not a guard.
 * @returns Its figures, and host and cloud if they came up; a step that fails is in the figures, and not an error.
 */
export async function perform(
  narrator: Narrator,
  stage: Stage,
  torrents: number,
  hasCloud: boolean,
): Promise<{ figures: Figures; database: Database | undefined; cloud: Cloud | undefined }> {
  const startedAt = performance.now();
  const { play, records } = openBook(narrator);
  // Side by side, as they take the longest. Whichever fails is told of by the step that waits for it.
  const loading = startDatabase(stage, torrents);
  const deploying = hasCloud ? deploy(stage) : undefined;
  for (const started of [loading, deploying]) started?.catch(() => undefined);
  const expected = torrents + opening.hostileRows;

  const host = await play('Host and database', (scene) => opening.meetDatabase(scene, loading, expected));
  const cloud = deploying && (await play('The stack', (scene) => opening.meetStack(scene, deploying)));
  const keeper = cloud
    ? createCloudKeeper(stage, cloud)
    : await play('The guard', (scene) => meetGuard(scene, stage));
  const id = await play('Back up', (scene) => firstNight.backUp(scene, stage, host.database));
  // Once the story has ended there is no host: nothing is played, then.
  const night: Night = { stage, database: host?.database, keeper, id, torrents: expected };
  await play('Verify', (scene) => firstNight.verify(scene, night));
  await play('List', (scene) => firstNight.list(scene, night));
  const nights = await play('Fifteen nights', (scene) => fifteenNights.passNights(scene, night));
  await play('Retention, planned', (scene) => fifteenNights.planExpiry(scene, night, nights));
  const kept = await play('Retention, done', (scene) => fifteenNights.expire(scene, night, nights));
  await play('Restore test', (scene) => restoreTest.restoreTest(scene, night));
  await play('The mail about it', (scene) => restoreTest.readMail(scene, night));
  await play('The watch', (scene) => restoreTest.watch(scene, night));
  if (cloud) await play('A test mail', (scene) => alertTest(scene, night, cloud));
  await play('Proof renewed', (scene) => fifteenNights.renewProof(scene, night, kept[0] as string));
  await play('A bit flips', (scene) => misfortunes.flipBit(scene, night));
  await play('A dump dies half-way', (scene) => misfortunes.killDump(scene, night));
  const file = await play('Fetch and gunzip -t', (scene) => wayBack.fetchLatest(scene, night));
  await play('psql, by hand', (scene) => wayBack.restoreByHand(scene, night, file, host.census));
  if (cloud) await play('To the minute', (scene) => toTheMinute.comeBack(scene, night));

  // A story that ended early may not have waited for them.
  await Promise.allSettled([loading, deploying]);
  const durationMs = Math.round(performance.now() - startedAt);
  narrator.table(records, durationMs);
  const asExpected = records.every(({ outcome }) => outcome === 'as expected');
  const { calls: awsCalls } = stage.aws.callLog;
  return { figures: { asExpected, durationMs, steps: records, awsCalls }, database: host?.database, cloud };
}
