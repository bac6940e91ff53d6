// What the chapters look at to know how things went: objects in the vault.

import { GetObjectCommand } from '@aws-sdk/client-s3';
import { type Manifest, parseManifest } from '../../archive/manifest.ts';
import { archiveKeys, parseArchiveId } from '../../archive/names.ts';
import { type Verdict, verdictSchema } from '../../archive/verdict.ts';
import type { Stage } from '../stage/stage.ts';

/** The only element of a list. @throws Error If there are none or several. */
export function onlyOne<T>(items: readonly T[]): T {
  if (items.length !== 1) throw new Error(`expected one, found ${items.length}`);
  return items[0] as T;
}

/** What the parts of an archive are called in the vault. */
export function keysOf(id: string): ReturnType<typeof archiveKeys> {
  return archiveKeys(parseArchiveId(id));
}

export async function manifestOf(stage: Stage, id: string): Promise<Manifest> {
  const text = (await readBytes(stage, keysOf(id).manifest)).toString('utf8');
  return parseManifest(text, parseArchiveId(id));
}

export async function verdictOn(stage: Stage, id: string): Promise<Verdict> {
  return verdictSchema.parse(await readObject(stage, keysOf(id).verdict));
}

export async function readObject(stage: Stage, key: string): Promise<unknown> {
  return JSON.parse((await readBytes(stage, key)).toString('utf8'));
}

export async function readBytes({ s3, aws }: Stage, key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: aws.bucket, Key: key }));
  if (Body === undefined) throw new Error(`${key} is empty`);
  return Buffer.from(await Body.transformToByteArray());
}
