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

export type ArchiveKeys = {
  readonly archive: string;
  readonly manifest: string;
  readonly verdict: string;
  /** The operator's word on a suspicious archive. */
  readonly acceptance: string;
  /** Prefix of the restore reports of this archive; ends with a slash. */
  readonly reports: string;
};

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
export function anyIdOf(source: string): Pick<ArchiveId, 'id' | 'source'> {
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

/** Where an archive's files are in the bucket. */
export function archiveKeys(id: Pick<ArchiveId, 'id' | 'source'>): ArchiveKeys {
  return {
    archive: `${archivesPrefix}${id.source}/${id.id}${archiveSuffix}`,
    manifest: `${archivesPrefix}${id.source}/${id.id}${manifestSuffix}`,
    verdict: `${verdictsPrefix}${id.source}/${id.id}.json`,
    acceptance: `${acceptancesPrefix}${id.source}/${id.id}.json`,
    reports: `${reportsPrefix}${id.source}/${id.id}/`,
  };
}

/**
 * Reads an archive's id from the key of its archive, manifest or verdict.
 *
 * @returns The id and which of the three the key names, or `undefined` for any other key.
 */
export function parseKey(
  key: string,
): { readonly id: ArchiveId; readonly part: 'archive' | 'manifest' | 'verdict' } | undefined {
  const name = key.slice(key.lastIndexOf('/') + 1).replace(/(\.sql\.gz|\.manifest\.json|\.json)$/, '');
  if (!isArchiveId(name)) return undefined;
  const id = parseArchiveId(name);
  const keys = archiveKeys(id);
  for (const part of ['archive', 'manifest', 'verdict'] as const) {
    if (keys[part] === key) return { id, part };
  }
  return undefined;
}

function invalidId(id: string, found: string): OffsiteError {
  return new OffsiteError('ARCHIVE_ID_INVALID', `'${id}' is not an archive's id`, {
    expected: '<source>-YYYY-MM-DD-HHMMSSZ, for example bitagent-2026-11-23-031500Z',
    found,
    hint: "see 'offsite list' for the ids there are",
  });
}
