// sidecar-backup: copy, look, compress, upload, and last of all the manifest.

import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clockToleranceMs } from '../archive/manifest.ts';
import { archiveIdAt } from '../archive/names.ts';
import { compress } from '../backup/compress.ts';
import { OffsiteError } from '../base/errors.ts';
import { jsonText } from '../base/parse-json.ts';
import { toolVersion } from '../base/version.ts';
import type { Compressor } from '../gzip/member-stream.ts';
import type { ArchiveStore } from '../store/store.ts';
import { copyDatabase, type SidecarPlace } from './copy.ts';
import { type Inspection, inspect } from './inspect.ts';
import { type SidecarManifest, sidecarFormat } from './manifest.ts';
import { sidecarKeys } from './names.ts';

export type SidecarBackupOptions = {
  readonly source: string;
  readonly place: SidecarPlace;
  readonly store: ArchiveStore;
  readonly compressor?: Compressor | undefined;
  readonly now: () => Date;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Archives the dashboard's database.
 *
 * @returns Its manifest, which the store has acknowledged.
 * @throws {@link OffsiteError} What {@link copyDatabase} throws, `SIDECAR_DAMAGED` if SQLite finds the copy broken, or what
 *   kept it from being stored. No archive remains then that counts.
 */
export async function backupSidecar(options: SidecarBackupOptions): Promise<SidecarManifest> {
  const { source, place, store, compressor, now, signal } = options;
  const startedAt = now();
  const id = archiveIdAt(source, startedAt);
  const keys = sidecarKeys(id);
  // Webhooks' URLs and API keys: nobody else's business.
  const folder = await mkdtemp(join(tmpdir(), 'offsite-sidecar-'));
  try {
    const copy = join(folder, 'copy.db');
    await copyDatabase(place, copy, signal);
    const { contents } = inspected(place, copy);
    await using file = await open(copy);
    const expectedBytes = (await file.stat()).size;
    // From here on it goes with this process, however that ends.
    await rm(folder, { recursive: true });
    const plain = file.createReadStream({ autoClose: false });
    const { chunks, record } = compress(plain, compressor, { signal });
    const stored = await store.upload(keys.archive, chunks, { expectedBytes, ...(signal && { signal }) });
    const aheadMs = store.clockAheadMs?.() ?? 0;
    const manifest: SidecarManifest = {
      format: sidecarFormat,
      kind: 'sqlite',
      id: id.id,
      source,
      startedAt: startedAt.toISOString(),
      completedAt: now().toISOString(),
      ...(Math.abs(aheadMs) > clockToleranceMs ? { clockAheadMs: aheadMs } : {}),
      toolVersion,
      ...record(),
      ...stored,
      contents,
    };
    await store.create(keys.manifest, jsonText(manifest), { signal });
    return manifest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function inspected({ path }: SidecarPlace, copy: string): Inspection {
  const damaged = (found: string) =>
    new OffsiteError('SIDECAR_DAMAGED', `${path} is damaged; nothing was stored`, {
      expected: 'a database that SQLite finds whole',
      found,
      hint: "bring an earlier one back (offsite sidecar list, offsite sidecar restore), or what can be saved of this one (sqlite3 FILE '.recover')",
    });
  let inspection: Inspection;
  try {
    inspection = inspect(copy);
  } catch (error) {
    throw damaged((error as Error).message);
  }
  if (inspection.faults.length > 0) throw damaged(inspection.faults.join('\n'));
  // What was cut to nothing would come to be the latest that is intact.
  if (Object.keys(inspection.contents.rows).length === 0)
    throw damaged('no table: SQLite takes an empty file for a database, too');
  return inspection;
}
