// Two weeks in seconds: fifteen earlier nights appear in the vault, each is verified, and retention takes the oldest.

import { CopyObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { serializeRecord } from '../../archive/commit-record.ts';
import { type Manifest, parseManifest } from '../../archive/manifest.ts';
import {
  archiveIdAt,
  archiveKeys,
  archivesPrefix,
  parseArchiveId,
  parseKey,
  verdictsPrefix,
} from '../../archive/names.ts';
import { formatHours } from '../../base/quantities.ts';
import { environmentNames } from '../../deployment/environment.ts';
import { textTable } from '../../mail/mail.ts';
import type { Decision, RetentionPlan } from '../../retention/plan.ts';
import { HandlerFailure, invoke } from '../aws/lambda-runtime.ts';
import { type Cloud, keysBelow, type Stage } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';
import { functionByRole } from '../template/wiring.ts';
import { answerOf, readBytes, withoutFirstBytes } from './evidence.ts';

const nights = 15;
const dayMs = 24 * 3_600_000;

/**
 * Puts copies of an archive under the ids of earlier nights: the same bytes, a manifest of their own, an event each.
 *
 * @returns Their ids, the youngest first.
 */
export async function passNights(
  scene: Scene,
  stage: Stage,
  { bus, wiring }: Cloud,
  tonight: string,
): Promise<string[]> {
  const { source, takenAt } = parseArchiveId(tonight);
  const ids = Array.from(
    { length: nights },
    (_, night) => archiveIdAt(source, new Date(takenAt.getTime() - (night + 1) * dayMs)).id,
  );
  for (const id of ids) await copyArchive(stage, tonight, id);
  const deliveries = withoutFirstBytes(await bus.announceObjects());
  const answers = deliveries.map((delivery) => answerOf([delivery], wiring, 'verify'));
  scene.check(
    'answers of verify',
    ids.map((id) => ({ id, verdict: 'intact', isNew: true })).sort(byId),
    (answers as { id: string }[]).sort(byId),
  );
  const slowest = Math.max(...deliveries.map(({ invocation }) => invocation.last.durationMs));
  scene.say(
    `${nights} earlier nights, back to ${ids.at(-1)}: tonight's bytes under earlier ids, so that this does not take ` +
      `two weeks. ${deliveries.length} events → ${answers.length} verdicts, each from re-reading its archive; ` +
      `the slowest took ${(slowest / 1000).toFixed(1)} s.`,
  );
  scene.figures({ ids, verdicts: answers.length });
  scene.summarize(`${answers.length} archives, ${answers.length} verdicts`);
  return ids;
}

/** Copies an archive under another id, with a manifest that says so. */
export async function copyArchive(stage: Stage, from: string, to: string): Promise<void> {
  const { s3, aws } = stage;
  const keys = archiveKeys(parseArchiveId(to));
  const original = archiveKeys(parseArchiveId(from));
  const copied = await s3.send(
    new CopyObjectCommand({
      Bucket: aws.bucket,
      Key: keys.archive,
      CopySource: `${aws.bucket}/${original.archive}`,
    }),
  );
  const manifest = parseManifest(
    (await readBytes(stage, original.manifest)).toString('utf8'),
    parseArchiveId(from),
  );
  await storeManifest(stage, manifest, to, copied.CopyObjectResult?.ETag ?? '');
}

/** Stores a manifest under another id, for the object with that entity tag. */
export async function storeManifest(
  { s3, aws }: Stage,
  manifest: Manifest,
  id: string,
  etag: string,
): Promise<void> {
  const { takenAt } = parseArchiveId(id);
  const tookMs = Date.parse(manifest.completedAt) - Date.parse(manifest.startedAt);
  const body = serializeRecord({
    ...manifest,
    id,
    startedAt: takenAt.toISOString(),
    completedAt: new Date(takenAt.getTime() + tookMs).toISOString(),
    etag: etag.replaceAll('"', ''),
  });
  const { manifest: key } = archiveKeys(parseArchiveId(id));
  await s3.send(new PutObjectCommand({ Bucket: aws.bucket, Key: key, Body: body }));
}

type Expired = { readonly dryRun: boolean; readonly plans: readonly RetentionPlan[] };

/** Those of the nights that the deployed policy no longer keeps. */
function expectedToGo({ wiring }: Cloud, ids: readonly string[]): string[] {
  const keepDays = Number(functionByRole(wiring, 'expire').environment[environmentNames.keepDays]);
  // The first of them is one day old.
  return ids.slice(keepDays - 1);
}

/** Asks what would go. */
export async function planExpiry(
  scene: Scene,
  stage: Stage,
  cloud: Cloud,
  tonight: string,
  ids: readonly string[],
): Promise<void> {
  const before = await keysBelow(stage, '');
  scene.command(`aws lambda invoke --function-name …Expire… --payload '{"dryRun":true}'`);
  const invocation = await invoke(cloud.host, functionByRole(cloud.wiring, 'expire'), { dryRun: true });
  if (invocation.outcome === 'failed') {
    throw new HandlerFailure(`expire failed: ${invocation.error.errorMessage}`, invocation.logs);
  }
  const { plans } = invocation.payload as Expired;
  const [plan] = plans;
  if (plan === undefined) throw new Error('expire planned for no source');
  const gone = expectedToGo(cloud, ids);
  scene.quote(
    textTable([
      ...plan.keep.map((decision) => ['keep', ...describe(decision)]),
      ...plan.expire.map((decision) => ['EXPIRE', ...describe(decision)]),
    ]),
  );
  scene.check('plans', 1, plans.length);
  scene.check('standstill', undefined, plan.standstill);
  scene.check('to expire', [...gone].sort(), plan.expire.map(({ id }) => id).sort());
  const kept = [tonight, ...ids].filter((id) => !gone.includes(id));
  scene.check('to keep', kept.sort(), plan.keep.map(({ id }) => id).sort());
  scene.check('the vault after planning', before, await keysBelow(stage, ''));
  scene.figures({ plan });
  scene.summarize(`keep ${plan.keep.length}, expire ${plan.expire.length}; nothing touched`);
}

function describe({ id, ageHours, reasons }: Decision): string[] {
  const { takenAt } = parseArchiveId(id);
  const day = takenAt.toISOString().slice(0, 10);
  return [day, formatHours(ageHours), reasons.join('; ').replace('one of the newest', 'newest')];
}

/** The daily schedule comes due. */
export async function expire(
  scene: Scene,
  stage: Stage,
  cloud: Cloud,
  tonight: string,
  ids: readonly string[],
): Promise<void> {
  const mailsBefore = (await stage.aws.mails()).length;
  const deliveries = await cloud.bus.fireSchedule('expire', new Date());
  const { plans, dryRun } = answerOf(deliveries, cloud.wiring, 'expire') as Expired;
  const gone = expectedToGo(cloud, ids);
  const kept = [tonight, ...ids].filter((id) => !gone.includes(id)).sort();
  scene.check('dry run', false, dryRun);
  scene.check(
    'expired',
    [...gone].sort(),
    plans.flatMap(({ expire: done }) => done.map(({ id }) => id)).sort(),
  );
  const keys = kept.map((id) => archiveKeys(parseArchiveId(id)));
  const left = await keysBelow(stage, archivesPrefix);
  scene.check(
    'archives and manifests in the vault',
    keys.flatMap(({ archive, manifest }) => [archive, manifest]).sort(),
    [...left].sort(),
  );
  scene.check(
    'verdicts in the vault',
    keys.map(({ verdict }) => verdict),
    await keysBelow(stage, verdictsPrefix),
  );
  scene.check('mails', mailsBefore, (await stage.aws.mails()).length);
  const archivesLeft = left.filter((key) => parseKey(key)?.part === 'archive').length;
  scene.say(
    `The daily schedule → expire: ${gone.length} archives had to go, with their manifests and verdicts. ` +
      `The vault holds ${archivesLeft} now.`,
  );
  scene.figures({ expired: gone, left: kept });
  scene.summarize(`${gone.length} had to go, ${archivesLeft} left`);
}

function byId(one: { id: string }, other: { id: string }): number {
  return one.id < other.id ? -1 : 1;
}
