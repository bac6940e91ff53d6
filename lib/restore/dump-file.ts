// A dump in a file: gzip or plain, with its manifest where there is one.

import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, parseManifest } from '../archive/manifest.ts';
import { archiveSuffix, manifestSuffix, parseArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { bytesOfFile, headOfFile } from '../base/named-file.ts';
import { shellWord } from '../base/shell-word.ts';
import { gunzip } from '../gzip/gunzip.ts';
import { foreignKind, headBytes, makeOne, serverFiles, wayOut } from '../sql/dump-kind.ts';
import { formatInside } from '../verify/formats.ts';
import { inflateArchive, inflaterOf } from './archive-bytes.ts';
import type { Metered, Restorable } from './restorable.ts';

const command = 'offsite restore';
const gzipMark = '\x1f\x8b';

/**
 * Looks at a file that is to be restored.
 *
 * @param manifestFile - Else the one beside it counts.
 * @throws {@link OffsiteError} `USAGE` if it is no file, `RESTORE_REFUSED` if no plain dump is in it, and what it is.
 */
export async function openFile(file: string, manifestFile?: string): Promise<Restorable> {
  await assertFile(file);
  const { size } = await stat(file);
  const head = await headOfFile(file, headBytes);
  const isGzip = head.startsWith(gzipMark);
  const found = head === '' ? 'the file is empty' : isGzip ? undefined : foreignKind(head)?.found;
  if (found !== undefined) throw noDump(file, found, wayOut(head, file, { command }));
  const manifest = await manifestFor(file, manifestFile);
  async function* dump(metered: Metered, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const body = metered(bytesOfFile(file), size);
    if (manifest !== undefined) return yield* inflateArchive(body, manifest, { signal }).dump;
    const bytes = isGzip ? gunzip(body, { onChunk: () => undefined, by: inflaterOf(size), signal }) : body;
    yield* asDump(bytes, file);
  }
  return {
    name: file,
    id: manifest?.id,
    manifest,
    plainBytes: manifest?.plainBytes ?? (isGzip ? undefined : size),
    byHand: `${isGzip ? 'gunzip -c' : 'cat'} ${shellWord(file)}`,
    bytes: size,
    warning:
      manifest === undefined
        ? `there is no manifest beside ${file}: it is judged by what is in it alone`
        : undefined,
    dump,
  };
}

/** @throws What {@link gunzip} found, told; `RESTORE_REFUSED` if no dump is in it. */
async function* asDump(bytes: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  const look = (head: Uint8Array) => {
    const opening = Buffer.from(head.subarray(0, headBytes));
    const found = formatInside(opening);
    const way = wayOut(opening.toString('latin1'), file, { command, isGzip: true });
    if (found !== undefined) throw noDump(file, found, way);
  };
  try {
    for await (const chunk of bytes) {
      if (isFirst) look(chunk);
      isFirst = false;
      yield chunk;
    }
    if (isFirst) look(Buffer.alloc(0));
  } catch (error) {
    if (error instanceof OffsiteError || (error as NodeJS.ErrnoException).code !== undefined) throw error;
    throw new OffsiteError('ARCHIVE_DAMAGED', `${file} is damaged`, {
      expected: 'whole gzip up to the last byte',
      found: (error as Error).message,
      hint: "'offsite verify FILE' says where; restore another ('offsite list' shows what the vault has)",
      cause: error,
    });
  }
}

async function assertFile(file: string): Promise<void> {
  const stats = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (file === '-') return undefined;
    throw new OffsiteError('USAGE', `${file} cannot be restored`, {
      expected: "an archive's id, 'latest', or a .sql.gz file",
      found: error.code === 'ENOENT' ? 'no such file, and no id of an archive' : error.message,
      hint: "see 'offsite list' for the ids there are",
    });
  });
  if (stats?.isFile()) return;
  const folder = stats?.isDirectory() ? folderKind(file) : undefined;
  throw new OffsiteError('USAGE', `${file} cannot be restored`, {
    expected: 'a file that holds a plain dump, gzip or not',
    found: folder?.found ?? (stats === undefined ? 'stdin' : 'a device, a pipe or a socket'),
    hint: folder?.way ?? 'write it to a file first, as it may be needed twice, then: offsite restore FILE',
  });
}

/** For a person. */
export function folderKind(folder: string): { readonly found: string; readonly way: string } {
  const holds = (name: string) => existsSync(join(folder, name));
  if (holds('PG_VERSION')) return serverFiles;
  if (!holds('toc.dat')) return { found: 'a folder', way: 'name a file in it: offsite restore FILE' };
  return {
    found: "the folder of pg_dump's directory format (-Fd): pg_restore reads it",
    way: makeOne(`pg_restore -f - ${shellWord(folder)}`, folder.replace(/\/+$/, ''), { command }),
  };
}

/** @returns The manifest that is named, else the one beside the file, if there is one. */
export async function manifestFor(
  file: string | undefined,
  named: string | undefined,
): Promise<Manifest | undefined> {
  const path = named ?? (file === undefined ? undefined : besideOf(file));
  if (path === undefined) return undefined;
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new OffsiteError('USAGE', `${path} cannot be read`, {
      expected: 'the manifest of the archive',
      found: error.message,
      hint: 'leave --manifest away: the file is judged by what is in it',
    });
  });
  const id = /"id":\s*"([^"]+)"/.exec(text)?.[1];
  if (id === undefined)
    throw new OffsiteError('USAGE', `${path} is no manifest`, {
      expected: 'the manifest of the archive: ID.manifest.json, as it lies in the vault',
      found: text.trim() === '' ? 'an empty file' : 'a file without an "id"',
      hint:
        named === undefined
          ? `move it away, or name another: --manifest FILE`
          : 'leave --manifest away: the file is judged by what is in it',
    });
  return parseManifest(text, parseArchiveId(id));
}

function besideOf(file: string): string | undefined {
  const name = file.endsWith(archiveSuffix) ? file.slice(0, -archiveSuffix.length) : file;
  return existsSync(name + manifestSuffix) ? name + manifestSuffix : undefined;
}

function noDump(
  file: string,
  found: string,
  way = "name another file; 'offsite list' shows the archives of the vault",
): OffsiteError {
  return new OffsiteError('RESTORE_REFUSED', `${file} is no plain dump of one database`, {
    expected: 'what pg_dump writes without -F, gzip or not',
    found,
    hint: way,
  });
}
