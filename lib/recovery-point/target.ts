// The point that is wanted, as an operator names it and as Postgres is told.

import { OffsiteError } from '../base/errors.ts';
import { formatLsn, type Lsn, parseLsn } from '../wal/segment.ts';

export type RecoveryTarget =
  /** The last transaction that committed by then. */
  | { readonly kind: 'time'; readonly text: string; readonly micros: bigint }
  | { readonly kind: 'lsn'; readonly lsn: Lsn }
  /** Of pg_create_restore_point. */
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'xid'; readonly xid: string }
  /** As soon as it is consistent. */
  | { readonly kind: 'immediate' }
  /** All of the log. */
  | { readonly kind: 'latest' };

export type TargetFlags = {
  readonly toTime?: string | undefined;
  readonly toLsn?: string | undefined;
  readonly toName?: string | undefined;
  readonly toXid?: string | undefined;
  readonly immediate?: boolean | undefined;
  readonly toLatest?: boolean | undefined;
};

const instantPattern =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,6}))? ?(Z|[+-]\d{2}:?\d{2}|[+-]\d{2})$/;

/**
 * Reads which point is wanted.
 *
 * @returns `undefined` if none is named.
 * @throws {@link OffsiteError} `USAGE` for more than one, or one that cannot be read.
 */
export function parseTarget(flags: TargetFlags): RecoveryTarget | undefined {
  const { toTime, toLsn, toName, toXid, immediate, toLatest } = flags;
  const given = Object.values({ toTime, toLsn, toName, toXid, immediate, toLatest }).filter(
    (value) => value !== undefined && value !== false,
  );
  if (given.length > 1) throw wrong('one point', `${given.length} of them`);
  if (immediate) return { kind: 'immediate' };
  if (toLatest) return { kind: 'latest' };
  if (toTime !== undefined) return { kind: 'time', ...parseInstant(toTime) };
  if (toLsn !== undefined) {
    const lsn = parseLsn(toLsn);
    if (lsn === undefined) throw wrong('--to-lsn with a position such as 16/B374D848', toLsn);
    return { kind: 'lsn', lsn };
  }
  if (toXid !== undefined) {
    if (!/^\d{1,20}$/.test(toXid)) throw wrong("--to-xid with a transaction's number", toXid);
    // Postgres takes 0731 for 473.
    return { kind: 'xid', xid: String(BigInt(toXid)) };
  }
  if (toName === undefined) return undefined;
  if (toName === '' || Buffer.byteLength(toName) > 63)
    throw wrong('--to-name with the name of a restore point', `'${toName}'`);
  return { kind: 'name', name: toName };
}

/** Reads an instant to the microsecond, as Postgres keeps them. @throws {@link OffsiteError} `USAGE` without an offset. */
export function parseInstant(text: string): { readonly text: string; readonly micros: bigint } {
  const [, day, time = '', fraction = '', offset] = instantPattern.exec(text.trim()) ?? [];
  const withSeconds = time.length === 5 ? `${time}:00` : time;
  const shown = offset?.replace(
    /^([+-]\d{2}):?(\d{2})?$/,
    (_, hours, minutes = '00') => `${hours}:${minutes}`,
  );
  const milliseconds = Date.parse(`${day}T${withSeconds}${shown}`);
  // 31 February is read as 3 March.
  const exists =
    !Number.isNaN(milliseconds) && new Date(`${day}T00:00Z`).toISOString().startsWith(day ?? '-');
  if (!exists)
    throw wrong(
      '--to-time with a date, a time and an offset, such as 2026-04-28T03:15:00Z or 2026-04-28T05:15:00+02:00',
      `'${text}'`,
    );
  const micros = BigInt(milliseconds) * 1000n + BigInt(fraction.padEnd(6, '0'));
  return { micros, text: formatMicros(micros) };
}

/** As Postgres and people read it: `2026-04-28 03:15:00.000001+00`. */
export function formatMicros(micros: bigint): string {
  const seconds = new Date(Number(micros / 1_000_000n) * 1000).toISOString().slice(0, 19).replace('T', ' ');
  const fraction = String(micros % 1_000_000n).padStart(6, '0');
  return `${seconds}${fraction === '000000' ? '' : `.${fraction}`}+00`;
}

/** For a person. */
export function describeTarget(target: RecoveryTarget): string {
  if (target.kind === 'time') return `the last transaction by ${target.text}`;
  if (target.kind === 'lsn') return `position ${formatLsn(target.lsn)}`;
  if (target.kind === 'name') return `restore point '${target.name}'`;
  if (target.kind === 'xid') return `transaction ${target.xid}`;
  return target.kind === 'immediate' ? 'the end of the base backup' : 'the end of the log';
}

export function targetSettings(target: RecoveryTarget, timeline: number): Record<string, string> {
  const own: Record<string, string> = {
    ...(target.kind === 'time' && { recovery_target_time: target.text }),
    ...(target.kind === 'lsn' && { recovery_target_lsn: formatLsn(target.lsn) }),
    ...(target.kind === 'name' && { recovery_target_name: target.name }),
    ...(target.kind === 'xid' && { recovery_target_xid: target.xid }),
    ...(target.kind === 'immediate' && { recovery_target: 'immediate' }),
  };
  return { ...own, recovery_target_timeline: String(timeline), recovery_target_action: 'promote' };
}

function wrong(expected: string, found: string): OffsiteError {
  return new OffsiteError('USAGE', 'the point to recover cannot be used', {
    expected,
    found,
    hint: 'see offsite restore --help',
  });
}

/** Postgres starts with room for two segments at least; its defaults have that for short ones. */
export function walSizes(segmentBytes: number): Record<string, string> {
  const atLeast = (mib: number) => `${Math.max(mib, (2 * segmentBytes) / 2 ** 20)}MB`;
  return { min_wal_size: atLeast(80), max_wal_size: atLeast(1024) };
}
