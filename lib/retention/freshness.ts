// The dead-man's switch: how old is the newest proof, and does the operator have to hear of it (again)?

import * as z from 'zod';
import { byAge, type CatalogueEntry, newestIntact } from '../archive/catalogue-of.ts';
import { watchPrefix } from '../archive/names.ts';
import { parseJson } from '../base/parse-json.ts';
import { hoursBetween } from '../base/quantities.ts';
import { logStateSchema } from './log-sight.ts';

export type FreshnessLimits = {
  readonly archiveHours: number;
  readonly restoreTestHours: number;
  /** Of the newest point that can be recovered, where there is log; default 1. */
  readonly pointHours?: number;
};

/** The limits of a deployment or of a guard, as these are set. */
export function limitsOf(set: {
  readonly freshnessHours: number;
  readonly restoreTestDays: number;
  readonly rpoMinutes: number;
}): FreshnessLimits {
  return {
    archiveHours: set.freshnessHours,
    restoreTestHours: set.restoreTestDays * 24,
    pointHours: set.rpoMinutes / 60,
  };
}

/** What is watched of a source. */
const subjects = ['archive', 'restore test', 'sidecar', 'point', 'retention'] as const;

export type Subject = (typeof subjects)[number];

/** A source whose archives are not expired although some are old enough. */
export type Standstill = { readonly subject: 'retention'; readonly reason: string; readonly since: Date };

/** What stands in a standstill's reason before the colon, of what is kept besides a source's archives. */
export const namesBesides = { sidecar: "the dashboard's archives", 'base backup': 'base backups' } as const;

/** One proof that is older than its limit, or was never given. */
export type Overdue = {
  readonly subject: Exclude<Subject, 'retention'>;
  /** Age of the newest proof; if there never was one, the time since the source is watched. */
  readonly ageHours: number;
  readonly never: boolean;
  readonly limitHours: number;
};

/** What the watcher remembers of a source between its runs. */
const watchStateSchema = z.object({
  /** When the watcher first looked: from then on a proof is expected. */
  firstSeenAt: z.iso.datetime(),
  /** When the operator was last told, and of what. */
  toldAt: z.iso.datetime().optional(),
  toldOf: z.array(z.enum(subjects)).default([]),
  /** Ids of the orphan archives that the operator was told of. */
  toldOrphans: z.array(z.string()).default([]),
  /** Whether the operator was told that the host's clock is wrong, and it still is. */
  toldClock: z.boolean().default(false),
  /** By which it looked, for whoever shows how a source stands. */
  limits: z
    .object({ archiveHours: z.number().positive(), restoreTestHours: z.number().positive() })
    .optional(),
  /** Where there is log. */
  log: logStateSchema.optional(),
});

export type WatchState = z.infer<typeof watchStateSchema>;

export function watchStateKey(source: string): string {
  return `${watchPrefix}${source}.json`;
}

/** `undefined` if the text is none. */
export function parseWatchState(text: string | undefined): WatchState | undefined {
  return parseJson(watchStateSchema, text);
}

/** Of what the operator was told last, and when; of nothing, once all was well again. */
export function toldOf(state: WatchState): { readonly of: string[]; readonly at: Date | undefined } {
  const { toldOf, toldOrphans, toldClock, toldAt } = state;
  const others = [
    toldOrphans.length > 0 ? 'archives without a manifest' : '',
    toldClock ? "the host's clock" : '',
  ];
  const at = toldAt === undefined ? undefined : new Date(toldAt);
  return { of: [...toldOf, ...others.filter(Boolean)], at };
}

type Proofs = {
  readonly firstSeenAt: Date;
  readonly newestIntactAt?: Date | undefined;
  readonly restoreTestPassedAt?: Date | undefined;
  /** Of the dashboard's database, where it is archived at all. */
  readonly sidecar?: SidecarProof | undefined;
  /** Of the newest point that can be recovered; without one, there is log since then and no base backup. */
  readonly point?: { readonly newestAt: Date | undefined; readonly since: Date } | undefined;
};

/** So long after the first log a base backup is expected. */
const firstBaseHours = 48;

type SidecarProof = { readonly newestIntactAt: Date | undefined; readonly limitHours: number };

/** Who takes one now and then, by hand, is reminded after this. */
const seldomHours = 8 * 24;

/** What is expected of a source's sidecar: nothing where none ever was; one a night where the newest two are of two nights. */
export function sidecarProof(
  entries: readonly CatalogueEntry[],
  archiveHours: number,
): SidecarProof | undefined {
  const [newest, before] = byAge(entries);
  if (newest === undefined) return undefined;
  const isNightly = before !== undefined && hoursBetween(before.datedAt, newest.datedAt) <= archiveHours;
  return {
    newestIntactAt: newestIntact(entries)?.datedAt,
    limitHours: isNightly ? archiveHours : Math.max(archiveHours, seldomHours),
  };
}

/** Finds the proofs that are too old. */
export function findOverdue(proofs: Proofs, limits: FreshnessLimits, now: Date): Overdue[] {
  const watched: [Overdue['subject'], Date | undefined, number, since?: Date][] = [
    ['archive', proofs.newestIntactAt, limits.archiveHours],
    ['restore test', proofs.restoreTestPassedAt, limits.restoreTestHours],
  ];
  const { sidecar } = proofs;
  if (sidecar !== undefined) watched.push(['sidecar', sidecar.newestIntactAt, sidecar.limitHours]);
  const { point } = proofs;
  if (point !== undefined) {
    const limitHours = point.newestAt === undefined ? firstBaseHours : (limits.pointHours ?? 1);
    watched.push(['point', point.newestAt, limitHours, point.since]);
  }
  return watched
    .map(([subject, at, limitHours, since = proofs.firstSeenAt]) => ({
      subject,
      ageHours: hoursBetween(at ?? since, now),
      never: at === undefined,
      limitHours,
    }))
    .filter(({ ageHours, limitHours }) => ageHours > limitHours);
}

const reminderHours = 24;

/** What is told now, and when the operator was told last once that is done. */
export type Telling = {
  readonly mail: 'overdue' | 'recovered' | 'nothing';
  readonly toldAt: string | undefined;
};

/**
 * Decides whether the operator hears of it now: at once when something becomes overdue, then daily, and once when all
 * is well again.
 *
 * @param faults - What is not as it should be.
 * @param unseen - Of what was told before, what nobody could look at: it is not well yet.
 */
export function whatToTell(
  { toldAt, toldOf }: Pick<WatchState, 'toldAt' | 'toldOf'>,
  faults: readonly { readonly subject: Subject }[],
  now: Date,
  unseen: readonly Subject[] = [],
): Telling {
  if (faults.length === 0 && unseen.length > 0) return { mail: 'nothing', toldAt };
  if (faults.length === 0) return { mail: toldOf.length > 0 ? 'recovered' : 'nothing', toldAt };
  const isNew = faults.some(({ subject }) => !toldOf.includes(subject));
  const isDue = toldAt === undefined || hoursBetween(new Date(toldAt), now) >= reminderHours;
  return isNew || isDue ? { mail: 'overdue', toldAt: now.toISOString() } : { mail: 'nothing', toldAt };
}

/** The manifest follows the archive within seconds; by then nobody will write it any more. */
const orphanAfterHours = 24;

/** Finds archives that never got a manifest: what a killed agent leaves. One that was judged had one. */
export function findOrphans(entries: readonly CatalogueEntry[], now: Date): CatalogueEntry[] {
  return entries.filter(
    ({ standing, datedAt, hasVerdict }) =>
      standing === 'no manifest' && !hasVerdict && hoursBetween(datedAt, now) > orphanAfterHours,
  );
}

/** Finds the newest archive, if the store contradicts its date. */
export function findMisdated(entries: readonly CatalogueEntry[]): CatalogueEntry | undefined {
  const [newest] = byAge(entries);
  return newest?.clockAheadMs === 0 ? undefined : newest;
}
