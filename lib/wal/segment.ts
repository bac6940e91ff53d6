// Arithmetic of the write-ahead log: positions, segments and their names, and what the first page of a segment says of itself.

import { parseWalFile } from '../archive/wal-names.ts';
import { OffsiteError } from '../base/errors.ts';
import { formatBytes } from '../base/quantities.ts';

/** A position in the log, in bytes from its beginning. */
export type Lsn = bigint;

const logBytes = 2n ** 32n;
/** XLogLongPageHeaderData, which begins each segment; in the byte order of the machines that Debian calls amd64 and arm64. */
const longHeaderBytes = 40;
const longHeaderFlag = 0x0002;
/** Those of PostgreSQL 10 to, by their pace, some dozen majors ahead of today's: what is encrypted or no log has any other. */
const magics = [0xd097, 0xd1ff] as const;

/** Reads `16/B374D848`. @returns `undefined` for another form. */
export function parseLsn(text: string): Lsn | undefined {
  const [, high, low] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text) ?? [];
  if (high === undefined || low === undefined) return undefined;
  return BigInt(`0x${high}`) * logBytes + BigInt(`0x${low}`);
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn / logBytes).toString(16)}/${(lsn % logBytes).toString(16)}`.toUpperCase();
}

/** Which segment holds a position, counted from 0. */
export function segmentAt(lsn: Lsn, segmentBytes: number): number {
  return Number(lsn / BigInt(segmentBytes));
}

export function segmentName(timeline: number, segment: number, segmentBytes: number): string {
  const each = Number(logBytes) / segmentBytes;
  return [timeline, Math.floor(segment / each), segment % each].map(hex8).join('');
}

/** The inverse of {@link segmentName}; also of the segment that a `.partial` or `.backup` belongs to. */
export function segmentNumber(name: string, segmentBytes: number): number {
  const [log, rest] = [name.slice(8, 16), name.slice(16, 24)].map((digits) => Number.parseInt(digits, 16));
  return (log as number) * (Number(logBytes) / segmentBytes) + (rest as number);
}

/** Whether a segment's name may follow on another's of its timeline; of the last one of a log, whatever its length, that is the first of the next. */
export function comesNext(name: string, next: string): boolean {
  const [[log, segment], [nextLog, nextSegment]] = [name, next].map((one) =>
    [one.slice(8, 16), one.slice(16, 24)].map((digits) => Number.parseInt(digits, 16)),
  ) as [[number, number], [number, number]];
  if (log === nextLog) return nextSegment === segment + 1;
  return nextLog === log + 1 && nextSegment === 0 && Number.isInteger(Math.log2(segment + 1));
}

/** Whether a segment is behind the last that is wanted, if one is. Segments are in one order, whatever their timelines. */
export function isBehind(name: string, until = ''): boolean {
  return until !== '' && parseWalFile(name)?.kind === 'segment' && name.slice(8, 24) > until.slice(8, 24);
}

/** The copy with which the log is to end, at the place of a segment; its timeline may be another's, who never had that segment. */
export function copyWanted(name: string, until = ''): string | undefined {
  const isThere = parseWalFile(until)?.kind === 'begun' && name.slice(8) === until.slice(8, 24);
  return isThere ? until : undefined;
}

/** What a segment's first page says. */
export type SegmentHeader = {
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly start: Lsn;
  readonly segmentBytes: number;
};

/** Bytes that {@link readSegmentHeader} looks at. */
export const segmentHeaderBytes = longHeaderBytes;

/** How long a segment is to be, as its head says. */
export function segmentLength(head: Buffer): number {
  return head.readUInt32LE(32);
}

/**
 * Reads the head of a segment and holds it against its name.
 *
 * @param head - The first {@link segmentHeaderBytes} of it, or all there is.
 * @param bytes - Of the whole file.
 * @throws {@link OffsiteError} `WAL_INVALID` for what is truncated, encrypted, another segment, or none.
 */
export function readSegmentHeader(name: string, head: Uint8Array, bytes: number): SegmentHeader {
  const invalid = (expected: string, found: string) =>
    new OffsiteError('WAL_INVALID', `${name} is no whole WAL segment; nothing was stored of it`, {
      expected,
      found,
      hint: 'a copy that is under way must have another name until it is whole: see offsite wal archive-command; the server itself keeps the segment until it is archived',
    });
  if (head.length < longHeaderBytes) throw invalid('at least the first page', formatBytes(bytes));
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const magic = view.getUint16(0, true);
  if (magic < magics[0] || magic > magics[1] || (view.getUint16(2, true) & longHeaderFlag) === 0)
    throw invalid('the page header of Postgres', `0x${magic.toString(16)}: encrypted, or no WAL`);
  const segmentBytes = view.getUint32(32, true);
  const header = {
    systemIdentifier: String(view.getBigUint64(24, true)),
    timeline: view.getUint32(4, true),
    start: view.getBigUint64(8, true),
    segmentBytes,
  };
  const isSize =
    segmentBytes >= 2 ** 20 && segmentBytes <= 2 ** 30 && Number.isInteger(Math.log2(segmentBytes));
  if (!isSize) throw invalid('a segment size that Postgres knows', `${segmentBytes} bytes`);
  if (bytes !== segmentBytes)
    throw invalid(formatBytes(segmentBytes), `${formatBytes(bytes)} (${bytes} bytes)`);
  const file = parseWalFile(name);
  // A timeline's first segment begins as its parent's: it was copied up to where they part.
  const own = segmentName(file?.timeline ?? 0, segmentAt(header.start, segmentBytes), segmentBytes);
  if (own !== name.slice(0, 24) || header.timeline > (file?.timeline ?? 0))
    throw invalid(
      `what belongs at ${name}`,
      `what belongs at ${segmentName(header.timeline, segmentAt(header.start, segmentBytes), segmentBytes)}`,
    );
  return header;
}

function hex8(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}
