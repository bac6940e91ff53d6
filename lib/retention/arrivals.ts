// What has come into the vault and does not look like a back-up: a name that nobody lists and expires, a date that is not
// that of its arrival, far more than a night brings. A host whose key was stolen can do no more than that, so it is told.

import * as z from 'zod';
import type { ArchiveId } from '../archive/names.ts';
import { formatBytes, formatInstant, hoursBetween } from '../base/quantities.ts';
import { composeMail, type Mail, textTable } from '../mail/mail.ts';

/** An object as the listing shows it. */
export type Arrived = { readonly key: string; readonly bytes: number; readonly storedAt: Date };

/**
 * Whose archive or manifest a key is, and of which kind where a source has several; `undefined` for a name that is none. A segment's
 * name is all that is looked at: it has no date, and comes as the server writes.
 */
export type NameOf = (
  key: string,
) => { readonly id: ArchiveId; readonly part: string; readonly kind?: string } | 'segment' | undefined;

export type Strange = Arrived & { readonly why: 'foreign name' | 'another date' };

/** A source that got far more within a day than it used to. */
export type Flood = {
  readonly source: string;
  /** Of the last day. */
  readonly archives: number;
  readonly bytes: number;
  /** The largest archive from before. */
  readonly usualBytes: number;
};

export type Arrivals = {
  /** The first of them. */
  readonly strange: readonly Strange[];
  readonly strangeCount: number;
  readonly floods: readonly Flood[];
};

/** So many are remembered, and so many keys are held while looking: a flood of them must not fill the memory. */
const strangeMost = 1000;
/** How far an archive's date may be from the store's: clocks differ, and S3 dates an upload by its beginning. */
const misdatedHours = 1;
/** More than an archive each half hour is no timer; four times the largest is no growth, nor a few back-ups by hand. */
const flood = { archives: 48, timesUsual: 4, leastBytes: 1e9 } as const;

type Tally = { archives: number; bytes: number; usualBytes: number };

/**
 * Looks at what a vault's hosts have stored, one object after the other.
 *
 * @param clockIds - Archives whose date is known to be their host's wrong clock: that is told as what it is.
 * @returns `add` for each object, in any order; `found` once all were added.
 */
export function lookAtArrivals(nameOf: NameOf, clockIds: ReadonlySet<string>, now: Date) {
  const strange: Strange[] = [];
  const tallies = new Map<string, Tally>();
  let strangeCount = 0;

  function note(object: Arrived, why: Strange['why']): void {
    strangeCount += 1;
    if (strange.length < strangeMost) strange.push({ ...object, why });
  }

  return {
    add(object: Arrived): void {
      const name = nameOf(object.key);
      if (name === undefined) note(object, 'foreign name');
      if (name === undefined || name === 'segment' || name.part !== 'archive') return;
      const aheadHours = hoursBetween(object.storedAt, name.id.takenAt);
      if (Math.abs(aheadHours) > misdatedHours && !clockIds.has(name.id.id)) note(object, 'another date');
      const whose = [name.id.source, name.kind ?? []].flat().join(', ');
      const tally = tallies.get(whose) ?? { archives: 0, bytes: 0, usualBytes: 0 };
      tallies.set(whose, tally);
      if (hoursBetween(object.storedAt, now) > 24)
        tally.usualBytes = Math.max(tally.usualBytes, object.bytes);
      else {
        tally.archives += 1;
        tally.bytes += object.bytes;
      }
    },
    found(): Arrivals {
      const floods = [...tallies].flatMap(([source, tally]) =>
        isFlood(tally) ? [{ source, ...tally }] : [],
      );
      return { strange, strangeCount, floods };
    },
  };
}

function isFlood({ archives, bytes, usualBytes }: Tally): boolean {
  if (archives > flood.archives) return true;
  return usualBytes > 0 && bytes > Math.max(usualBytes * flood.timesUsual, flood.leastBytes);
}

/** What is remembered between two looks. */
export const arrivalsStateSchema = z.object({
  /** The strange keys that were told of and are there still. */
  told: z.array(z.string()).default([]),
  /** Sources whose flood was told of, and lasts. */
  floods: z.array(z.string()).default([]),
  toldAt: z.iso.datetime().optional(),
  /** Where it is not looked each time: when it was last. */
  lookedAt: z.iso.datetime().optional(),
});

export type ArrivalsState = z.infer<typeof arrivalsStateSchema>;

/**
 * Decides what of it is news.
 *
 * @returns What to tell, and what to remember once it is told. Where there is more than can be remembered, it is told once
 *   a day for as long as that lasts.
 */
export function newsOf(
  { strange, strangeCount, floods }: Arrivals,
  state: ArrivalsState,
  now: Date,
): { readonly news: Arrivals | undefined; readonly next: ArrivalsState } {
  const told = new Set(state.told);
  const newStrange = strange.filter(({ key }) => !told.has(key));
  const newFloods = floods.filter(({ source }) => !state.floods.includes(source));
  const isOver = strangeCount > strangeMost;
  const isDue = state.toldAt === undefined || hoursBetween(new Date(state.toldAt), now) >= 24;
  const isNews = newFloods.length > 0 || (isOver ? isDue : newStrange.length > 0);
  const next = {
    told: isOver ? state.told : strange.map(({ key }) => key),
    floods: floods.map(({ source }) => source),
    toldAt: isNews ? now.toISOString() : state.toldAt,
  };
  if (!isNews) return { news: undefined, next };
  const news = isOver ? { strange, strangeCount } : { strange: newStrange, strangeCount: newStrange.length };
  return { news: { ...news, floods: newFloods }, next };
}

const rowsInMail = 30;

export function arrivalsMail({ strange, strangeCount, floods }: Arrivals): Mail {
  const what = [
    ...(strangeCount > 0 ? [`${strangeCount} strange object${strangeCount === 1 ? '' : 's'}`] : []),
    ...(floods.length > 0
      ? [`much more than usual of ${floods.map(({ source }) => source).join(', ')}`]
      : []),
  ].join(', ');
  const more = strangeCount - rowsInMail;
  return composeMail(
    `[offsite] NOT OF A BACK-UP: ${what}`,
    [
      `Something was stored in the vault that does not look like a nightly back-up: ${what}. A host's key cannot do more than that: it can touch nothing that was there before.`,
      strangeCount === 0
        ? ''
        : textTable([
            ['object', 'bytes', 'stored', ''],
            ...strange
              .slice(0, rowsInMail)
              .map(({ key, bytes, storedAt, why }) => [
                key,
                formatBytes(bytes),
                formatInstant(storedAt),
                why,
              ]),
          ]) + (more > 0 ? `\n… and ${more} more` : ''),
      ...floods.map(
        ({ source, archives, bytes, usualBytes }) =>
          `${source}: ${archives} archive${archives === 1 ? '' : 's'} within a day, ${formatBytes(bytes)} in all; the largest from before has ${formatBytes(usualBytes)}.`,
      ),
      "What to do: if you did it (offsite import, back-ups by hand, a copy from elsewhere, a host whose clock is wrong), all is well. If not, the host's credentials are in other hands: take them away (aws iam update-access-key --status Inactive), and make new ones.",
      'This mail comes once for each object.',
    ],
    'strangeArrivals',
  );
}
