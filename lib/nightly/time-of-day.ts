// When a night's run begins, as a person says it.

import { OffsiteError } from '../base/errors.ts';

export type TimeOfDay = {
  /** `03:15` */
  readonly clock: string;
  /** Else it is the host's own time. */
  readonly isUtc: boolean;
};

/**
 * Reads a time of day: `3:15`, `03:15 UTC`.
 *
 * @throws {@link OffsiteError} `USAGE`.
 */
export function parseTimeOfDay(text: string): TimeOfDay {
  const [, hour = '', minute, utc] = /^(\d{1,2}):(\d{2})(?:\s*(UTC|Z))?$/i.exec(text.trim()) ?? [];
  if (minute !== undefined && Number(hour) < 24 && Number(minute) < 60)
    return { clock: `${hour.padStart(2, '0')}:${minute}`, isUtc: utc !== undefined };
  throw new OffsiteError('USAGE', '--at is no time of day', {
    expected: "hours and minutes from 00:00 to 23:59, in this host's time, or with UTC behind it",
    found: `'${text}'`,
    hint: "say for example --at 03:15, or --at '03:15 UTC'",
  });
}
