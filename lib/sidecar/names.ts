// Where the archives of a sidecar are in the store: a source has one sidecar, and its archives are named as the database's are.

import { manifestSuffix, namesOf } from '../archive/names.ts';

export const sidecarsPrefix = 'sidecars/';
export const sidecarVerdictsPrefix = 'sidecar-verdicts/';

export const { keysOf: sidecarKeys, parseKey: parseSidecarKey } = namesOf({
  archive: [sidecarsPrefix, '.db.gz'],
  manifest: [sidecarsPrefix, manifestSuffix],
  verdict: [sidecarVerdictsPrefix, '.json'],
});
