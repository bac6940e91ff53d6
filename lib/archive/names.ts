// Names of things in the store. An archive's id is readable, sorts by time, and is all that is needed to find its
// files: a person with `aws s3 ls` must be able to do what this program does.

import { OffsiteError } from '../base/errors.ts';

/** An archive's id, taken apart: `<source>-YYYY-MM-DD-HHMMSSZ`. */
export type ArchiveId = {
  readonly id: string;
  readonly source: string;
  /** When the dump began, by the host's clock; UTC, whole seconds. */
  readonly takenAt: Date;
};

/** An archive's id, and whose it is: what its keys are made of. */
export type Whose = Pick<ArchiveId, 'id' | 'source'>;

export const archivesPrefix = 'archives/';
export const verdictsPrefix = 'verdicts/';
export const reportsPrefix = 'reports/';
export const acceptancesPrefix = 'acceptances/';
/** The operator's own checks of restored databases. */
export const checksPrefix = 'checks/';
/** What `watch` keeps. */
export const watchPrefix = 'watch/';
/** Where it stands what was told by mail, so that it is not told twice. */
export const toldPrefix = 'watch/told/';
/** What retention decided last, of each source: why each archive stays. */
export const plansPrefix = 'plans/';
/** What programs leave of a run, for `watch`; apart from what that keeps of sources, whose names have no slash. */
export const runPrefix = 'watch/run/';
/** What was found of a source's archives, by the hour, until it is told. */
export const faultsPrefix = 'watch/faults/';
/** The lock of a guard. */
export const guardPrefix = 'watch/guard/';
/** Mails that nobody took yet: the guard's. */
export const mailsPrefix = 'watch/mails/';
/** What is to be read again: `expire` asks for it, and the event of that wakes `verify`. */
export const duePrefix = 'due/';
/** What range readers leave for the one who joins it; of no use afterwards. */
export const rangesPrefix = 'ranges/';
export const archiveSuffix = '.sql.gz';
export const manifestSuffix = '.manifest.json';

/** What a source may be called: it becomes part of keys, ids and mail subjects. */
export const sourcePattern = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

const idPattern = /^(.+)-(\d{4}-\d{2}-\d{2})-(\d{2})(\d{2})(\d{2})Z$/;

/**
 * In place of an id: all ids of a source, as IAM writes patterns (`?` is any one character). Keys that are made of it are
 * the names that can be listed, judged and expired, and a few that cannot, which `watch` tells of.
 */
export function anyIdOf(source: string): Whose {
  return { id: `${source}-????-??-??-??????Z`, source };
}

/** Names an archive that is taken now. @param takenAt - When the dump begins; milliseconds are dropped. */
export function archiveIdAt(source: string, takenAt: Date): ArchiveId {
  const wholeSeconds = new Date(Math.floor(takenAt.getTime() / 1000) * 1000);
  return { id: `${source}-${instantInName(wholeSeconds)}`, source, takenAt: wholeSeconds };
}

/** `2026-11-24-050000Z`: it sorts by time. */
export function instantInName(instant: Date): string {
  const [day = '', time = ''] = instant.toISOString().split('T');
  return `${day}-${time.slice(0, 8).replaceAll(':', '')}Z`;
}

/**
 * Reads an archive's id.
 *
 * @throws {@link OffsiteError} `ARCHIVE_ID_INVALID` if it is not of the form, or names a date that does not exist.
 */
export function parseArchiveId(id: string): ArchiveId {
  const [, source = '', day, hour, minute, second] = idPattern.exec(id) ?? [];
  if (!sourcePattern.test(source)) throw invalidId(id, 'another form');
  const takenAt = new Date(`${day}T${hour}:${minute}:${second}Z`);
  // 31 February is rolled over to March: only a date that names itself again exists.
  if (Number.isNaN(takenAt.getTime()) || archiveIdAt(source, takenAt).id !== id)
    throw invalidId(id, 'a date or time that does not exist');
  return { id, source, takenAt };
}

export function isArchiveId(text: string): boolean {
  try {
    parseArchiveId(text);
    return true;
  } catch {
    return false;
  }
}

/** How the archives of a kind are named: `<prefix><source>/<id><suffix>`, for each part of them. */
export function namesOf<Part extends string>(
  parts: Readonly<Record<Part, readonly [prefix: string, suffix: string]>>,
) {
  const all = Object.entries(parts) as [Part, readonly [string, string]][];
  /** Where an archive's files are in the bucket. */
  const keysOf = ({ id, source }: Whose): Readonly<Record<Part, string>> =>
    Object.fromEntries(
      all.map(([part, [prefix, suffix]]) => [part, `${prefix}${source}/${id}${suffix}`]),
    ) as Record<Part, string>;
  /** Whose key it is, and of which part; `undefined` for any other key. */
  const parseKey = (key: string): { readonly id: ArchiveId; readonly part: Part } | undefined => {
    const [name = ''] = key.slice(key.lastIndexOf('/') + 1).split('.', 1);
    if (!isArchiveId(name)) return undefined;
    const id = parseArchiveId(name);
    const keys = keysOf(id);
    const [part] = all.find(([one]) => keys[one] === key) ?? [];
    return part && { id, part };
  };
  return { keysOf, parseKey };
}

const ofDatabase = namesOf({
  archive: [archivesPrefix, archiveSuffix],
  manifest: [archivesPrefix, manifestSuffix],
  verdict: [verdictsPrefix, '.json'],
});
/** Reads an archive's id from the key of its archive, manifest or verdict. */
export const parseKey = ofDatabase.parseKey;

/** Where an archive's files are in the bucket. */
export function archiveKeys(id: Whose) {
  return {
    ...ofDatabase.keysOf(id),
    /** The operator's word on a suspicious archive. */
    acceptance: `${acceptancesPrefix}${id.source}/${id.id}.json`,
    /** Prefix of the restore reports of this archive; ends with a slash. */
    reports: `${reportsPrefix}${id.source}/${id.id}/`,
  };
}

function invalidId(id: string, found: string): OffsiteError {
  return new OffsiteError('ARCHIVE_ID_INVALID', `'${id}' is not an archive's id`, {
    expected: '<source>-YYYY-MM-DD-HHMMSSZ, for example bitagent-2026-11-23-031500Z',
    found,
    hint: "see 'offsite list' for the ids there are",
  });
}
