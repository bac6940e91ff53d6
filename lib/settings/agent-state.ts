// What the agent remembers of a source between its runs, as it may not read the vault: the last id, so that none is
// used twice, and the previous archive's figures, to compare with. Losing it costs the comparison and nothing else.

import * as z from 'zod';
import { type ArchiveId, isArchiveId, parseArchiveId } from '../archive/names.ts';
import { parseJson } from '../base/parse-json.ts';
import { formatBytes, formatDuration, formatHours, hoursBetween } from '../base/quantities.ts';

const byteCount = z.number().int().nonnegative();

export const archiveFiguresSchema = z.object({
  id: z.string(),
  plainBytes: byteCount,
  compressedBytes: byteCount,
  durationMs: z.number().nonnegative(),
});

const agentStateSchema = z.object({
  format: z.literal(1),
  /** The id that was used last, whatever became of it. */
  lastId: z.string(),
  /** The last archive that the store acknowledged with its manifest. */
  archive: archiveFiguresSchema.optional(),
});

/** Figures of an archive, to compare another with. */
export type ArchiveFigures = z.infer<typeof archiveFiguresSchema>;
export type AgentState = z.infer<typeof agentStateSchema>;

/**
 * Reads a state.
 *
 * @param source - Whose it must be.
 * @returns `undefined` if it is none that this version understands.
 */
export function parseAgentState(text: string, source: string): AgentState | undefined {
  const state = parseJson(agentStateSchema, text);
  if (state === undefined || !isArchiveId(state.lastId)) return undefined;
  return parseArchiveId(state.lastId).source === source ? state : undefined;
}

/**
 * @param archive - Its figures, once it is stored.
 * @returns The later of both ids; another run of the same source may have gone on meanwhile.
 */
export function noteId(state: AgentState | undefined, id: string, archive?: ArchiveFigures): AgentState {
  const lastId = state === undefined || state.lastId < id ? id : state.lastId;
  const figures = archive ?? state?.archive;
  return { format: 1, lastId, ...(figures === undefined ? {} : { archive: figures }) };
}

/** Runs that follow each other at once are dated a second apart, and so ahead of a clock that is right. */
const hastyMs = 60_000;

/**
 * Finds the earliest date for the next archive, so that an id is never used twice, even when the clock is set back.
 *
 * @param path - Where the state is, for the warning.
 * @returns That date; and what to tell the operator if the clock is behind the last archive.
 */
export function nextDate(
  state: AgentState | undefined,
  now: Date,
  path: string,
): { readonly notBefore?: Date; readonly warning?: string } {
  if (state === undefined) return {};
  const last: ArchiveId = parseArchiveId(state.lastId);
  const notBefore = new Date(last.takenAt.getTime() + 1000);
  if (last.takenAt.getTime() - now.getTime() <= hastyMs) return { notBefore };
  const behind = formatHours(hoursBetween(now, last.takenAt));
  return {
    notBefore,
    warning: `the clock went back: it is ${behind} behind ${last.id}, the last archive; this one is dated a second after that. Set the clock (timedatectl); if it was wrong before and is right now, remove ${path}`,
  };
}

/** How an archive compares with the one before it. */
export type Comparison = {
  /** `+2.1 % bytes, 12.0 s longer than bitagent-…` */
  readonly text: string;
  /** Said aloud of a dump that lost about half of its bytes, or more. */
  readonly warning?: string;
};

/** At or below this share of the previous archive's plain bytes, the dump counts as halved. */
const halvedShare = 0.55;

export function compareWithPrevious(previous: ArchiveFigures, current: ArchiveFigures): Comparison {
  const bytes = compareBytes(previous.plainBytes, current.plainBytes);
  const text = `${bytes}, ${compareDurations(previous.durationMs, current.durationMs)} ${previous.id}`;
  if (current.plainBytes > previous.plainBytes * halvedShare) return { text };
  const percent = Math.round((current.plainBytes / previous.plainBytes) * 100);
  return {
    text,
    warning: `${current.id} holds only ${percent} % of the bytes of ${previous.id} (${formatBytes(current.plainBytes)}, before ${formatBytes(previous.plainBytes)}). Look at the database: SELECT count(*) FROM torrents`,
  };
}

function compareBytes(before: number, now: number): string {
  if (now === before) return 'same bytes';
  if (before === 0) return 'more bytes';
  const percent = (now / before - 1) * 100;
  const digits = Math.abs(percent) < 1000 ? 1 : 0;
  return `${percent > 0 ? '+' : '-'}${Math.abs(percent).toFixed(digits)} % bytes`;
}

function compareDurations(before: number, now: number): string {
  if (Math.round(now) === Math.round(before)) return 'same duration as';
  return `${formatDuration(Math.abs(now - before))} ${now < before ? 'shorter' : 'longer'} than`;
}
