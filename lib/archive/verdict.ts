// What the cloud saw when it re-read an archive. A discriminated union and never a boolean: "not proven" and "proven
// bad" are different things, and each says what was expected and what was found.

import * as z from 'zod';
import { type Known, outsideBand } from './band.ts';
import { hasTable, type Inventory, inventorySchema, rowsOf } from './inventory.ts';
import type { Manifest } from './manifest.ts';
import { missingParts } from './structure.ts';

type Member = Manifest['members'][number];

export const deviationSchema = z.strictObject({
  /** What was compared: `sha256`, `plain bytes`, `member 3`, `end marker` … */
  what: z.string(),
  expected: z.string(),
  found: z.string(),
});

/** One thing that is not as it should be. */
export type Deviation = z.infer<typeof deviationSchema>;

const common = {
  format: z.literal(1),
  id: z.string(),
  source: z.string(),
  /** The bytes that were judged; a verdict never speaks of others. */
  versionId: z.string().nullable(),
  etag: z.string(),
  verifiedAt: z.iso.datetime(),
  /** When these bytes were read again last, and were the same. */
  lastReadAt: z.iso.datetime().optional(),
  durationMs: z.number().nonnegative(),
  toolVersion: z.string(),
  compressedBytes: z.number().int().nonnegative(),
  plainBytes: z.number().int().nonnegative(),
  /** How many read it side by side, and compared its CRC-32 in place of the sha256; absent where one read it whole. */
  rangeReaders: z.number().int().positive().optional(),
};
const deviations = z.array(deviationSchema).min(1);

export const verdictSchema = z.discriminatedUnion('verdict', [
  z.object({ verdict: z.literal('intact'), ...common, inventory: inventorySchema }),
  /** The bytes are not those that the agent wrote, or not gzip. */
  z.object({ verdict: z.literal('damaged'), ...common, deviations }),
  /** The bytes are those that the agent wrote, but the dump in them was cut. */
  z.object({ verdict: z.literal('incomplete'), ...common, deviations, inventory: inventorySchema }),
  /** A whole dump of something that does not look like the database, or not like what it used to hold. */
  z.object({ verdict: z.literal('suspicious'), ...common, deviations, inventory: inventorySchema }),
  /** There is a manifest and no archive. */
  z.object({ verdict: z.literal('missing'), ...common, deviations }),
]);

export type Verdict = z.infer<typeof verdictSchema>;
export type VerdictName = Verdict['verdict'];

/** When the bytes that a verdict speaks of were read last. */
export function lastRead({ verifiedAt, lastReadAt }: Pick<Verdict, 'verifiedAt' | 'lastReadAt'>): string {
  return lastReadAt ?? verifiedAt;
}

/** What re-reading an archive found of its bytes. */
export type ObservedBytes = {
  readonly compressedBytes: number;
  readonly plainBytes: number;
  /** Of the compressed bytes, hex; absent where many read the archive side by side, for it cannot be joined. */
  readonly sha256?: string;
  /** Of the compressed bytes, hex; compared where there is no sha256. */
  readonly crc32?: string;
  readonly members: readonly Member[];
  /** Why inflating stopped before the end, if it did. */
  readonly gzipError?: string;
  /** What a file without manifest is, if that is no plain dump in gzip. */
  readonly format?: string;
};

/** And of the dump in it. */
export type Observation = ObservedBytes & { readonly inventory: Inventory };

/** The archive's table that must hold rows, and whose count every report names. */
export const countedTable = 'torrents';

type Judgement =
  | { readonly verdict: 'intact' }
  | { readonly verdict: 'damaged' | 'incomplete' | 'suspicious'; readonly deviations: Deviation[] };

/**
 * Judges what was found against what the agent recorded.
 *
 * @param manifest - `undefined` for a file without one: then only gzip and content are judged.
 * @param history - Archives of the same source that were taken before, newest first; without them nothing is unusual.
 */
export function judge(
  manifest: Manifest | undefined,
  found: Observation,
  history: readonly Known[] = [],
): Judgement {
  const damage = damageOf(manifest, found);
  if (damage.length > 0) return { verdict: 'damaged', deviations: damage };
  const { format, inventory } = found;
  if (format !== undefined && inventory.endMarker === 'absent')
    return { verdict: 'incomplete', deviations: [formatDeviation(format)] };
  const refusals = refusalDeviations(inventory);
  if (refusals.length > 0) return { verdict: 'suspicious', deviations: refusals };
  const cuts = endDeviations(inventory);
  if (cuts.length > 0) return { verdict: 'incomplete', deviations: cuts };
  const doubts = [
    ...contentDeviations(found.inventory, history[0]),
    ...missingParts(found.inventory, history[0]?.inventory),
    ...outsideBand(found, history, countedTable),
  ];
  if (doubts.length > 0) return { verdict: 'suspicious', deviations: doubts };
  return { verdict: 'intact' };
}

/** What is wrong with the bytes, whatever they hold. */
export function damageOf(manifest: CommittedBytes | undefined, found: ObservedBytes): Deviation[] {
  return [...gzipDeviations(found), ...(manifest ? byteDeviations(manifest, found) : [])];
}

type CommittedBytes = Pick<Manifest, 'compressedBytes' | 'plainBytes' | 'crc32' | 'sha256' | 'members'>;

function gzipDeviations(found: ObservedBytes): Deviation[] {
  if (found.gzipError === undefined) return [];
  return [
    {
      what: 'gzip',
      expected: 'whole gzip members up to the last byte',
      found: found.format ?? found.gzipError,
    },
  ];
}

function byteDeviations(manifest: CommittedBytes, found: ObservedBytes): Deviation[] {
  const compared: [string, string | number, string | number][] = [
    ['compressed bytes', manifest.compressedBytes, found.compressedBytes],
    ['plain bytes', manifest.plainBytes, found.plainBytes],
    found.sha256 === undefined
      ? ['CRC-32', manifest.crc32, String(found.crc32)]
      : ['sha256', manifest.sha256, found.sha256],
    ['gzip members', manifest.members.length, found.members.length],
  ];
  const deviations = compared
    .filter(([, expected, seen]) => expected !== seen)
    .map(([what, expected, seen]) => ({ what, expected: String(expected), found: String(seen) }));
  const first = manifest.members.findIndex((member, index) => !sameMember(member, found.members[index]));
  if (first >= 0) {
    deviations.push({
      what: `gzip member ${first}`,
      expected: describeMember(manifest.members[first]),
      found: describeMember(found.members[first]),
    });
  }
  return deviations;
}

function sameMember(one: Member, other: Member | undefined): boolean {
  return (
    other !== undefined &&
    one.offset === other.offset &&
    one.compressedBytes === other.compressedBytes &&
    one.plainBytes === other.plainBytes &&
    one.crc32 === other.crc32
  );
}

function describeMember(member: Member | undefined): string {
  if (member === undefined) return 'not readable';
  return `${member.compressedBytes} bytes at ${member.offset}, ${member.plainBytes} plain, CRC-32 ${member.crc32}`;
}

function endDeviations(inventory: Inventory): Deviation[] {
  if (inventory.endMarker === 'end') return [];
  const found =
    inventory.endMarker === 'absent' ? 'the dump ends without it: it was cut' : 'more statements follow it';
  return [{ what: 'end marker', expected: "'PostgreSQL database dump complete' at the end", found }];
}

function formatDeviation(found: string): Deviation {
  return { what: 'format', expected: 'a plain dump, as pg_dump writes it without -F', found };
}

/** What is no dump has no end marker either: of a cut, only a dump's head speaks. */
function refusalDeviations(inventory: Inventory): Deviation[] {
  const { refused, pgDumpVersion } = inventory;
  if (refused === undefined) return [];
  const cuts = pgDumpVersion === undefined ? [] : endDeviations(inventory);
  return [...cuts, { what: 'what a restore takes', expected: refused.remedy, found: refused.found }];
}

/** An empty table is suspicious, unless the operator has accepted it and it is still as it was. */
function contentDeviations(inventory: Inventory, newestKnown: Known | undefined): Deviation[] {
  const rows = rowsOf(inventory, countedTable);
  if (rows !== undefined && rows > 0) return [];
  if (newestKnown !== undefined && rowsOf(newestKnown.inventory, countedTable) === rows) return [];
  return [
    {
      what: `table ${countedTable}`,
      expected: 'at least one row',
      found:
        rows !== undefined || hasTable(inventory, countedTable) ? 'no rows' : 'the dump has no such table',
    },
  ];
}
