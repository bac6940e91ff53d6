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

/** Which clusters a source's log was of, as this host noted: the last one first. */
export async function notedClusters(source: string): Promise<string[]> {
  const text = await readFile(clusterFile(source), 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => (/^\d+$/.test(line.trim()) ? [line.trim()] : []));
}

/** Which cluster a source's log was of, the last time that this host looked. */
export async function notedCluster(source: string): Promise<string | undefined> {
  return (await notedClusters(source))[0];
}

/** Notes whose log a source's is from now on; what it was before is kept, for what waits of that. @returns What to warn of if that could not be written. */
export async function noteCluster(source: string, systemIdentifier: string): Promise<string | undefined> {
  const noted = await notedClusters(source);
  if (noted[0] === systemIdentifier) return undefined;
  const path = clusterFile(source);
  try {
    await makeFolder(stateDirectory(), 0o700);
    const all = [systemIdentifier, ...noted.filter((one) => one !== systemIdentifier)];
    await replaceFile(path, `${all.join('\n')}\n`);
    return undefined;
  } catch (error) {
    return `it cannot be noted whose log this is, so that another cluster's would not be refused: ${(error as Error).message}`;
  }
}

export function foreignError(source: string, expected: string, found: string): OffsiteError {
  return new OffsiteError('WAL_FOREIGN', `this is the log of another cluster than ${source}'s`, {
    expected: `system identifier ${expected}`,
    found: `system identifier ${found}`,
    hint: `give each cluster a source of its own. Was this one initialised anew or upgraded, take a base backup of it (offsite basebackup), which its log needs, as the user that archives; where that is another, remove ${clusterFile(source)} of the user that archives. Is it what waits of a cluster that ${source} was before, add a line ${found} to that file: it is stored as that one's`,
  });
}
