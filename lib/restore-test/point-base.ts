// From which base backup a restore test recovers a point, and how much room that takes.

import { byAge } from '../archive/catalogue-of.ts';
import { readCatalogue } from '../archive/read-catalogue.ts';
import { readRecord } from '../archive/read-manifest.ts';
import { parseWalKey, walFolder } from '../archive/wal-names.ts';
import { nothingIf, OffsiteError } from '../base/errors.ts';
import { ofBaseBackups } from '../basebackup/kind.ts';
import { baseBackupRecords } from '../basebackup/manifest.ts';
import type { BaseBackup } from '../recovery-point/way.ts';
import { segmentBefore } from '../retention/log-sight.ts';
import type { ArchiveStore } from '../store/store.ts';

/**
 * The newest base backup that is intact; where none is, the newest that nobody has read yet.
 *
 * @returns `undefined` of a source without base backups.
 * @throws {@link OffsiteError} `NOTHING_INTACT`, or that its manifest cannot be trusted.
 */
export async function newestBase(store: ArchiveStore, source: string): Promise<BaseBackup | undefined> {
  const entries = byAge(await readCatalogue(store, source, { kind: ofBaseBackups }));
  const whole = entries.filter(({ standing }) => standing !== 'no manifest');
  if (whole.length === 0) return undefined;
  const [newest] = (['intact', 'unverified'] as const).flatMap((wanted) =>
    whole.filter(({ standing }) => standing === wanted),
  );
  if (newest !== undefined)
    return { id: newest.id, manifest: await readRecord(store, baseBackupRecords, newest.id) };
  throw new OffsiteError('NOTHING_INTACT', `there is no intact base backup of ${source}`, {
    expected: 'at least one base backup that is as it was stored',
    found: whole.map(({ id, standing }) => `${id.id}: ${standing}`).join('\n'),
    hint: "take one now ('offsite basebackup'): points from then on can be recovered again",
  });
}

/**
 * How many bytes lie on the disk at most when a point is recovered: the cluster, and as much again as its log could add.
 *
 * @returns 0 where there is no base backup, or none that can be relied on: the test itself tells of that.
 */
export async function pointBytes(store: ArchiveStore, source: string): Promise<number> {
  const base = await newestBase(store, source).catch(nothingIf(/^(MANIFEST_|NOTHING_INTACT)/));
  if (base === undefined) return 0;
  const { plainBytes, cluster } = base.manifest;
  const folder = walFolder({ source, systemIdentifier: cluster.systemIdentifier });
  let segments = 0;
  for await (const { key } of store.list(folder, `${folder}${segmentBefore(base)}~`))
    if (parseWalKey(key)?.file.kind === 'segment') segments += 1;
  return plainBytes + segments * cluster.segmentBytes;
}
