// When a dump was taken, by the name of its file: the documentation's script names it by `date`, which is the host's local
// time.

import { OffsiteError } from '../base/errors.ts';

/** As `date` writes it by %F, %Y%m%d, %H%M, %T …, and nothing beside it that may be a time, too. */
const datePattern =
  /(?<!\d|\d\d[-_.:h]?\d\d.*)(2\d{3})([-_.]?)(\d\d)\2(\d\d)(?:[-_.T ]?(\d\d)([-_.:h]?)(\d\d)(?:(?:\6|(?<=h\d\d)m)(\d\d)s?|(?<=h\d\d)m)?(?:\.\d{3}(?=Z))?(Z|[-_. ]?(?:UTC|GMT)|\+\d\d:?\d\d|-\d\d:\d\d)?)?(?![\da-z]|[-_.:+T ]+\d|.*\d\d[-_.:h]?\d\d)/i;

/**
 * Reads the date in a file's name: `bitagent-2026-11-08.sql.gz`, `…-0315.sql.gz`, `…-031500Z.sql.gz`, `20261108_0315-bitagent.sql`.
 *
 * @param zone - Whose time it is, as `Europe/Berlin`; what ends in Z, UTC or an offset says it itself.
 * @returns `undefined` if there is none, more than one, or none that exists. A day alone is its midnight; a time that the clocks leave out
 *   is an hour later.
 */
export function dateOfName(name: string, zone: string): Date | undefined {
  const found = datePattern.exec(name);
  if (found === null) return undefined;
  const [, year = '', , month = '', day = '', hour = '00', , minute = '00', second = '00', offset] = found;
  const wanted = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const local = new Date(wanted);
  // Date takes 31 February for 3 March.
  if (Number.isNaN(local.getTime()) || local.toISOString() !== wanted) return undefined;
  if (offset === undefined) return inZone(local, zone);
  const [, sign = '+', hours = 0, minutes = 0] = /([+-])(\d\d):?(\d\d)$/.exec(offset) ?? [];
  return new Date(local.getTime() - Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) * 60_000);
}

/**
 * Reads a date that a person gives.
 *
 * @throws {@link OffsiteError} `USAGE` if it says no offset, or does not exist.
 */
export function parseInstant(text: string): Date {
  const [, day] = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  const instant = new Date(day === undefined ? Number.NaN : text);
  // Date takes 31 February for 3 March.
  const isReal =
    !Number.isNaN(instant.getTime()) && new Date(`${day}T00:00Z`).toISOString().startsWith(day ?? '?');
  if (isReal) return instant;
  throw new OffsiteError('USAGE', '--date is no instant', {
    expected: 'a date and time with its offset: 2026-11-08T03:15+01:00, or …T02:15Z',
    found: `'${text}'`,
    hint: "'date -Iseconds -r FILE' shows when a file was written, in that form",
  });
}

/** The instant at which a zone's clocks show what a date shows in UTC. */
function inZone(local: Date, zone: string): Date {
  const before = local.getTime() - offsetMs(local, zone);
  return new Date(local.getTime() - offsetMs(new Date(before), zone));
}

function offsetMs(instant: Date, timeZone: string): number {
  const fields = {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  } as const;
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...fields });
  const shown = Object.fromEntries(
    format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second) - instant.getTime();
}
