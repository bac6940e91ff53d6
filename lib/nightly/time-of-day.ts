// When a night's run begins, as a person says it.

import { OffsiteError } from '../base/errors.ts';

export type TimeOfDay = {
  /** `03:15` */
  readonly clock: string;
  /** Else it is the host's own time. */
  readonly isUtc: boolean;
};

/** Reads a time of day: `3:15`, `03:15 UTC`. @throws {@link OffsiteError} `USAGE`. */
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

/** When a run was due last: now, or the day before. */
export function lastDue(at: TimeOfDay, now: Date): Date {
  const today = onDay(at, now, 0);
  return today <= now ? today : onDay(at, now, -1);
}

export function nextDue(at: TimeOfDay, now: Date): Date {
  const today = onDay(at, now, 0);
  return today > now ? today : onDay(at, now, 1);
}

/** An hour that a day has not, as summer begins, is the one after it; of one that it has twice, it is the first. */
function onDay({ clock, isUtc }: TimeOfDay, day: Date, later: number): Date {
  const [hour = 0, minute = 0] = clock.split(':').map(Number);
  return isUtc
    ? new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() + later, hour, minute))
    : new Date(day.getFullYear(), day.getMonth(), day.getDate() + later, hour, minute);
}
