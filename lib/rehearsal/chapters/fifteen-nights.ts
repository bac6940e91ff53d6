// Two weeks in seconds: fifteen earlier nights appear in the vault, each is verified, and retention takes the oldest.

import { CopyObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { Manifest } from '../../archive/manifest.ts';
import {
  archiveIdAt,
  archivesPrefix,
  parseArchiveId,
  parseKey,
  verdictsPrefix,
} from '../../archive/names.ts';
import { jsonText } from '../../base/parse-json.ts';
import { formatHours } from '../../base/quantities.ts';
import { textTable } from '../../mail/mail.ts';
import type { Decision } from '../../retention/plan.ts';
import type { Keeper, Night } from '../stage/keeper.ts';
import { keysBelow, type Stage } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';
import { keysOf, manifestOf, verdictOn } from './evidence.ts';

const nights = 15;
const dayMs = 24 * 3_600_000;

/**
 * Puts copies of an archive under the ids of earlier nights: the same bytes, a manifest of their own each.
 *
 * @returns Their ids, the youngest first.
 */
export async function passNights(scene: Scene, { stage, keeper, id: tonight }: Night): Promise<string[]> {
  const { source, takenAt } = parseArchiveId(tonight);
  const ids = Array.from(
    { length: nights },
    (_, night) => archiveIdAt(source, new Date(takenAt.getTime() - (night + 1) * dayMs)).id,
  );
  for (const id of ids) await copyArchive(stage, tonight, id);
  const answers = await keeper.verify(scene);
  scene.check(
    'judged',
    ids.map((id) => ({ id, verdict: 'intact', isNew: true })).sort(byId),
    [...answers].sort(byId),
  );
  scene.say(
    `${nights} earlier nights, back to ${ids.at(-1)}: tonight's bytes under earlier ids, so that this does not take ` +
      `two weeks. ${answers.length} verdicts, each from re-reading its archive.`,
  );
  scene.figures({ ids, verdicts: answers.length });
  scene.summarize(`${answers.length} archives, ${answers.length} verdicts`);
  return ids;
}

/** Copies an archive under another id, with a manifest that says so. */
export async function copyArchive(stage: Stage, from: string, to: string): Promise<void> {
  const { bucket: Bucket } = stage.aws;
  const CopySource = `${Bucket}/${keysOf(from).archive}`;
  const copied = await stage.s3.send(new CopyObjectCommand({ Bucket, Key: keysOf(to).archive, CopySource }));
  await storeManifest(stage, await manifestOf(stage, from), to, copied.CopyObjectResult?.ETag ?? '');
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
  const body = jsonText({
    ...manifest,
    id,
    startedAt: takenAt.toISOString(),
    completedAt: new Date(takenAt.getTime() + tookMs).toISOString(),
    etag: etag.replaceAll('"', ''),
  });
  await s3.send(new PutObjectCommand({ Bucket: aws.bucket, Key: keysOf(id).manifest, Body: body }));
}

/** Those of the nights that the policy no longer keeps. */
function expectedToGo({ keepDays }: Keeper, ids: readonly string[]): string[] {
  // The first of them is one day old.
  return ids.slice(keepDays - 1);
}

/** Asks what would go. */
export async function planExpiry(
  scene: Scene,
  { stage, keeper, id: tonight }: Night,
  ids: readonly string[],
): Promise<void> {
  const before = await keysBelow(stage, '');
  const plans = await keeper.planExpiry(scene);
  const [plan] = plans;
  if (plan === undefined) throw new Error('expire planned for no source');
  const gone = expectedToGo(keeper, ids);
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

/** What was planned is done. */
export async function expire(
  scene: Scene,
  { stage, keeper, id: tonight }: Night,
  ids: readonly string[],
): Promise<string[]> {
  await keeper.expire(scene);
  const gone = expectedToGo(keeper, ids);
  const kept = [tonight, ...ids].filter((id) => !gone.includes(id)).sort();
  const keys = kept.map(keysOf);
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
  scene.check('mails', [], await keeper.mails());
  const archivesLeft = left.filter((key) => parseKey(key)?.part === 'archive').length;
  scene.say(
    `${gone.length} archives had to go, with their manifests and verdicts. The vault holds ${archivesLeft} now.`,
  );
  scene.figures({ expired: gone, left: kept });
  scene.summarize(`${gone.length} had to go, ${archivesLeft} left`);
  return kept;
}

/** The oldest proof was given a week ago: it is renewed by reading the archive again. */
export async function renewProof(scene: Scene, { stage, keeper }: Night, id: string): Promise<void> {
  const before = await verdictOn(stage, id);
  const verifiedAt = new Date(Date.parse(before.verifiedAt) - 7 * dayMs).toISOString();
  const Body = JSON.stringify({ ...before, verifiedAt });
  await stage.s3.send(new PutObjectCommand({ Bucket: stage.aws.bucket, Key: keysOf(id).verdict, Body }));
  scene.say(`The verdict on ${id} is made a week older. Bytes rot in silence: a proof has an age, too.`);
  const mailsBefore = (await keeper.mails()).length;
  const asked = Date.now();
  await keeper.nextNight(scene);
  const { verdict, lastReadAt = '' } = await verdictOn(stage, id);
  scene.check('verdict', before.verdict, verdict);
  scene.check('read again', true, Date.parse(lastReadAt) >= asked);
  scene.check('mails', mailsBefore, (await keeper.mails()).length);
  scene.say(`Read again, byte by byte: it is as its manifest says. Its verdict notes ${lastReadAt}.`);
  scene.figures({ id, lastReadAt });
  scene.summarize(`${parseArchiveId(id).takenAt.toISOString().slice(0, 10)} read again, the same still`);
}

function byId(one: { id: string }, other: { id: string }): number {
  return one.id < other.id ? -1 : 1;
}
