// Where the archives of a sidecar are in the store: under a prefix of their own, named as all archives are.

import { type ArchiveId, isArchiveId, manifestSuffix, parseArchiveId } from '../archive/names.ts';

export const sidecarsPrefix = 'sidecars/';
export const sidecarVerdictsPrefix = 'sidecar-verdicts/';
export const sidecarSuffix = '.db.gz';

export type SidecarKeys = { readonly archive: string; readonly manifest: string; readonly verdict: string };

/** A source has one sidecar; its archives are named as those of the database are. */
export function sidecarKeys({ id, source }: Pick<ArchiveId, 'id' | 'source'>): SidecarKeys {
  return {
    archive: `${sidecarsPrefix}${source}/${id}${sidecarSuffix}`,
    manifest: `${sidecarsPrefix}${source}/${id}${manifestSuffix}`,
    verdict: `${sidecarVerdictsPrefix}${source}/${id}.json`,
  };
}

/** @returns Whose key it is and which of the three; `undefined` for any other key. */
export function parseSidecarKey(
  key: string,
): { readonly id: ArchiveId; readonly part: keyof SidecarKeys } | undefined {
  const name = key.slice(key.lastIndexOf('/') + 1).replace(/(\.db\.gz|\.manifest\.json|\.json)$/, '');
  if (!isArchiveId(name)) return undefined;
  const id = parseArchiveId(name);
  const keys = sidecarKeys(id);
  const part = (['archive', 'manifest', 'verdict'] as const).find((one) => keys[one] === key);
  return part && { id, part };
}
