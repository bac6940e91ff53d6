// Whose log a source's is. A cluster has a system identifier from initdb on; a server that was initialised anew, or upgraded, has
// another, and its log brings nothing back of the one before.

import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OffsiteError } from '../base/errors.ts';
import { makeFolder } from '../base/make-folder.ts';
import { replaceFile, stateDirectory } from '../settings/agent-state-file.ts';
import { readSegmentHeader, type SegmentHeader, segmentHeaderBytes } from './segment.ts';

/**
 * Reads the system identifier of the cluster in a data directory.
 *
 * @returns `undefined` where there is none; the two programs that Postgres runs for its log begin there.
 */
export async function clusterIn(directory: string): Promise<string | undefined> {
  try {
    await using file = await open(join(directory, 'global', 'pg_control'));
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    return bytesRead === 8 ? String(buffer.readBigUInt64LE(0)) : undefined;
  } catch {
    return undefined;
  }
}

/** What a segment says of itself. @throws {@link OffsiteError} `WAL_INVALID` */
export async function headOfSegment(file: FileHandle, name: string): Promise<SegmentHeader> {
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(segmentHeaderBytes), 0, segmentHeaderBytes, 0);
  return readSegmentHeader(name, buffer.subarray(0, bytesRead), size);
}

/** Where it is noted on this host whose log a source's is. */
export function clusterFile(source: string): string {
  return join(stateDirectory(), `${source}.cluster`);
}

/** Where log that was received waits for the vault, unless another folder is named. */
export function receivedFolder(source: string): string {
  return join(stateDirectory(), `${source}.wal`);
}

/** Which cluster a source's log was of, the last time that this host looked. */
export async function notedCluster(source: string): Promise<string | undefined> {
  const text = await readFile(clusterFile(source), 'utf8').catch(() => '');
  return /^\d+$/.test(text.trim()) ? text.trim() : undefined;
}

/** Notes whose log a source's is from now on. @returns What to warn of if that could not be written. */
export async function noteCluster(source: string, systemIdentifier: string): Promise<string | undefined> {
  if ((await notedCluster(source)) === systemIdentifier) return undefined;
  const path = clusterFile(source);
  try {
    await makeFolder(stateDirectory(), 0o700);
    await replaceFile(path, `${systemIdentifier}\n`);
    return undefined;
  } catch (error) {
    return `it cannot be noted whose log this is, so that another cluster's would not be refused: ${(error as Error).message}`;
  }
}

export function foreignError(source: string, expected: string, found: string): OffsiteError {
  return new OffsiteError('WAL_FOREIGN', `this is the log of another cluster than ${source}'s`, {
    expected: `system identifier ${expected}`,
    found: `system identifier ${found}`,
    hint: `give each cluster a source of its own; was this one initialised anew or upgraded, take a base backup of it (offsite basebackup), which its log needs, and remove ${clusterFile(source)} of the user that archives`,
  });
}
