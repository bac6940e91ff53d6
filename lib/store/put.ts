// An object in one piece.

import { PutObjectCommand } from '@aws-sdk/client-s3';
import { bareEtag, checksumOf, etagOf } from './checksums.ts';
import { isTaken } from './errors.ts';
import { persist } from './persist.ts';
import { proof, versionOf } from './proof.ts';
import { expectContinue, type S3Session } from './session.ts';
import type { Stored } from './store.ts';

export type PutOptions = {
  readonly contentType: string;
  /** Whether the key must be free. */
  readonly createOnly: boolean;
  /** What is tried, as in "<doing> failed". */
  readonly doing: string;
  readonly signal?: AbortSignal | undefined;
};

/** From this length on it is worth asking before the body is sent again. */
const askFromBytes = 1024 * 1024;

/**
 * Stores an object in one piece.
 *
 * @throws `ARCHIVE_EXISTS` if the key must be free and is taken, unless an earlier attempt of this very call may have
 *   taken it: its answer was lost then, and the object there is ours. Another agent can have come between only if it
 *   took the same key in the same second.
 */
export async function putObject(
  session: S3Session,
  key: string,
  body: Uint8Array,
  { contentType, createOnly, doing, signal }: PutOptions,
): Promise<Stored> {
  const { provider, bucket, writer } = session;
  const input = {
    Bucket: bucket,
    Key: key,
    Body: body,
    ContentType: contentType,
    ...(createOnly && provider.createOnly ? { IfNoneMatch: '*' } : {}),
    ...checksumOf(body, provider),
  };
  const put = async (attempt: number): Promise<Stored> => {
    const command = new PutObjectCommand(input);
    if (attempt > 1 && body.length >= askFromBytes) {
      command.middlewareStack.add(expectContinue, { step: 'build', name: 'expectContinue' });
    }
    const options = signal === undefined ? {} : { abortSignal: signal };
    const answer = await writer.send(command, options);
    const versionId = versionOf(answer);
    if (session.namesVersions) proof(versionId, 'a version id, as the bucket had for an earlier write');
    session.namesVersions ||= versionId !== null;
    return { etag: bareEtag(proof(answer.ETag, 'an entity tag')), versionId };
  };
  return persist(session, put, {
    doing,
    signal,
    doneEarlier: (refusal) => (isTaken(refusal) ? { etag: etagOf(body), versionId: null } : undefined),
  });
}
