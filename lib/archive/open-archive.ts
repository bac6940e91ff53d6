// open-archive: reads the very bytes that a manifest speaks of, and fails rather than end when they are others.

import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore, OpenObject } from '../store/store.ts';
import type { Manifest } from './manifest.ts';
import { type ArchiveId, archiveKeys } from './names.ts';

/**
 * Opens an archive by the version that its manifest names.
 *
 * @throws {@link OffsiteError} `ARCHIVE_MISSING` if that version is not there.
 */
export async function openArchive(
  store: ArchiveStore,
  id: ArchiveId,
  manifest: Manifest,
): Promise<OpenObject> {
  const key = archiveKeys(id).archive;
  const opened = await store.open(key, manifest.versionId);
  if (opened !== undefined) return opened;
  throw new OffsiteError('ARCHIVE_MISSING', `${id.id} has a manifest, but its archive is not there`, {
    expected: `${manifest.compressedBytes} bytes at ${key}${manifest.versionId ? `, version ${manifest.versionId}` : ''}`,
    found: 'nothing',
    hint: 'take another archive (offsite list), and find out who deleted this one',
  });
}

/** Passes bytes on, and fails if they are not those of the manifest: at the first that is too many, else at their end. */
export function checked(manifest: Manifest): Transform {
  const hash = createHash('sha256');
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes > manifest.compressedBytes) done(damaged(manifest, 'more bytes'));
      else done(null, chunk);
    },
    flush(done) {
      const sha256 = hash.digest('hex');
      const same = bytes === manifest.compressedBytes && sha256 === manifest.sha256;
      done(same ? null : damaged(manifest, `${bytes} bytes, sha256 ${sha256}`));
    },
  });
}

function damaged(manifest: Manifest, found: string): OffsiteError {
  return new OffsiteError('ARCHIVE_DAMAGED', `${manifest.id} is not what the agent wrote`, {
    expected: `${manifest.compressedBytes} bytes, sha256 ${manifest.sha256}`,
    found,
    hint: "fetch again; if it stays, take another archive ('offsite list')",
  });
}
