// An object's bytes: the whole of it, over one connection or several, or a stretch.

import { Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { bareEtag } from './checksums.ts';
import { changedError, isAbsent, isBeyondEnd, isTaken, storeError } from './errors.ts';
import { persistRead } from './persist.ts';
import { proof, UnprovenAnswer, versionOf } from './proof.ts';
import { pinned, rangeText, readOn, type Stretch } from './read-on.ts';
import type { S3Session } from './session.ts';
import { sideBySide } from './side-by-side.ts';
import type { ByteRange, OpenObject, Reading } from './store.ts';
import { Width } from './width.ts';

/** As `open` of the store. */
export async function openObject(
  session: S3Session,
  key: string,
  versionId: string | null | undefined,
  { from = 0, connections = 1, partBytes }: Reading = {},
): Promise<OpenObject | undefined> {
  const input = { Bucket: session.bucket, Key: key, VersionId: versionId ?? undefined };
  const width = connections > 1 ? new Width(connections, partBytes) : undefined;
  const Range = width || from > 0 ? rangeText(from, width && from + width.partBytes) : undefined;
  const doing = `reading ${session.url(key)}`;
  const get = (Range?: string) =>
    persistRead(session, doing, () => session.reader.send(new GetObjectCommand({ ...input, Range })));
  try {
    const answer = await get(Range).catch((error) => {
      // Of nothing there is no range.
      if (Range === undefined || !isBeyondEnd(error)) throw error;
      return get();
    });
    return openedAs(session, key, answer, from, width);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw storeError(error, doing);
  }
}

function openedAs(
  session: S3Session,
  key: string,
  answer: GetObjectCommandOutput,
  from: number,
  width: Width | undefined,
): OpenObject {
  const body = answer.Body as Readable;
  const { ContentRange, ContentLength } = answer;
  const etag = bareEtag(proof(answer.ETag, 'an entity tag'));
  const versionId = versionOf(answer);
  const known = { etag, versionId, storedAt: answer.LastModified ?? new Date(0) };
  const stretch = (from: number, to: number | undefined): Stretch => ({ key, etag, versionId, from, to });
  // A store that knows no ranges gives all of it, and so does one that was asked for all.
  if (ContentRange === undefined) {
    const whole = readOn(session, stretch(0, ContentLength), body);
    return { ...known, bytes: ContentLength ?? 0, body: from === 0 ? whole : without(whole, from) };
  }
  const bytes = Number(/\/(\d+)$/.exec(ContentRange)?.[1] ?? Number.NaN);
  if (!ContentRange.startsWith(`bytes ${from}-`) || Number.isNaN(bytes)) {
    body.destroy();
    throw new UnprovenAnswer(`the bytes from ${from} on`);
  }
  const firstTo = width ? Math.min(from + width.partBytes, bytes) : bytes;
  const first = readOn(session, stretch(from, firstTo), body);
  const open = (from: number, to: number) => readOn(session, stretch(from, to));
  if (width === undefined || firstTo === bytes) return { ...known, bytes, body: first };
  return { ...known, bytes, body: sideBySide({ first, open, from, to: bytes, width }) };
}

/** As `openRange` of the store. */
export async function openRange(
  session: S3Session,
  key: string,
  { versionId, etag, from, to }: ByteRange,
): Promise<Readable | undefined> {
  const input = { Bucket: session.bucket, Key: key, ...pinned({ etag, versionId }) };
  const doing = `reading ${session.url(key)}`;
  try {
    const answer = await persistRead(session, doing, () =>
      session.reader.send(new GetObjectCommand({ ...input, Range: rangeText(from, to) })),
    );
    proof(answer.ETag, 'an entity tag');
    const body = answer.Body as Readable;
    if (!answer.ContentRange?.startsWith(`bytes ${from}-`)) {
      body.destroy();
      throw new UnprovenAnswer(`the bytes from ${from} on`);
    }
    const end = answer.ContentLength === undefined ? undefined : from + answer.ContentLength;
    return readOn(session, { key, etag, versionId, from, to: end }, body);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (isBeyondEnd(error)) return Readable.from([]);
    if (isTaken(error)) throw changedError(session.url(key), etag);
    throw storeError(error, doing);
  }
}

/** A stream without its first bytes. */
function without(whole: Readable, bytes: number): Readable {
  async function* rest(): AsyncGenerator<Buffer> {
    let toSkip = bytes;
    for await (const chunk of whole as AsyncIterable<Buffer>) {
      const skipped = Math.min(toSkip, chunk.length);
      toSkip -= skipped;
      if (skipped < chunk.length) yield chunk.subarray(skipped);
    }
  }
  const stream = Readable.from(rest(), { objectMode: false });
  stream.once('close', () => whole.destroy());
  return stream;
}
