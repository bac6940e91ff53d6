// One reader: what the scanner sees of a dump and what the splitter makes of it are the same, for any bytes.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OffsiteError } from '../../lib/base/errors.ts';
import { foreignKind, headBytes } from '../../lib/sql/dump-kind.ts';
import { DumpSplitter } from '../../lib/sql/splitter.ts';
import { scan } from '../fixtures/archive.ts';
import { anyDump, hostile } from '../fixtures/hostile-dump.ts';

type Outcome = { readonly is: 'end' | 'not the end' | 'refused' | 'cut'; readonly copied: number };

function split(dump: Buffer, chunkBytes: number): Outcome {
  const splitter = new DumpSplitter();
  let copied = 0;
  const take = (parts: ReturnType<DumpSplitter['push']>) => {
    for (const part of parts) if (part.kind === 'rows') copied += part.lineEnds;
  };
  try {
    for (let at = 0; at < dump.length; at += chunkBytes)
      take(splitter.push(dump.subarray(at, at + chunkBytes)));
    take(splitter.finish());
  } catch (error) {
    if (!(error instanceof OffsiteError)) throw error;
    return { is: error.code === 'RESTORE_REFUSED' ? 'refused' : 'cut', copied: 0 };
  }
  return { is: splitter.ended ? 'end' : 'not the end', copied };
}

/** Of those that are drawn piece by piece, fewer than one in a hundred comes to its end. */
const endedDump = anyDump.map((dump) =>
  Buffer.concat([dump, Buffer.from('\n--\n-- PostgreSQL database dump complete\n--\n\n')]),
);

/** What the splitter must make of a dump, by its inventory. */
function foreseen(dump: Buffer): Outcome['is'][] {
  const { endMarker, refused } = scan(dump);
  // Of what another program wrote, the restore of a file says so before it is read as SQL.
  if (foreignKind(dump.toString('latin1', 0, headBytes)) !== undefined)
    return ['refused', 'cut', 'not the end'];
  if (refused !== undefined) return ['refused'];
  return endMarker === 'end' ? ['end'] : ['not the end', 'cut'];
}

describe('the reader', () => {
  it('lets the restore take what the verifier calls whole, and nothing else, for any bytes', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(
        fc.oneof({ weight: 4, arbitrary: anyDump }, endedDump),
        fc.integer({ min: 1, max: 40 }),
        (dump, chunkBytes) => {
          const { is } = split(dump, chunkBytes);
          expect(foreseen(dump)).toContain(is);
          seen.set(is, (seen.get(is) ?? 0) + 1);
        },
      ),
      { numRuns: 5000 },
    );
    for (const is of ['end', 'not the end', 'refused', 'cut']) expect(seen.get(is), is).toBeGreaterThan(20);
  });

  it('passes on every row that the inventory counts', () => {
    const dump = Buffer.from(hostile);
    const inserted = /INSERT INTO public\.(?:single|defaults|many)/g;
    expect(hostile.match(inserted)).toHaveLength(5);
    const { rows } = scan(dump);
    const inCopy = Object.entries(rows)
      .filter(([table]) => !/single|defaults|many/.test(table))
      .reduce((sum, [, count]) => sum + count, 0);
    expect(split(dump, 50)).toEqual({ is: 'end', copied: inCopy });
  });

  it('has no limit that a table of Postgres meets: 1,600 columns with the longest names', () => {
    const columns = Array.from({ length: 1600 }, (_, at) => `"${'""'.repeat(57)}${String(at).padStart(6)}"`);
    const dump = Buffer.from(
      `COPY public.wide (${columns.join(', ')}) FROM stdin;\n${'\\N\t'.repeat(1599)}\\N\n\\.\n-- PostgreSQL database dump complete\n`,
    );
    expect(scan(dump).rows).toEqual({ 'public.wide': 1 });
    expect(split(dump, 65_536)).toEqual({ is: 'end', copied: 1 });
  });

  it.each([
    ['a value of 40 MiB', `INSERT INTO t VALUES ('${'x'.repeat(40 << 20)}');\n`, 1],
    [
      '1,000 rows in one INSERT',
      `INSERT INTO t VALUES\n\t('${'y'.repeat(40_000)}')${`,\n\t('${'y'.repeat(40_000)}')`.repeat(999)};\n`,
      1000,
    ],
    [
      'a large object in one statement',
      `SELECT pg_catalog.lowrite(0, '\\x${'00'.repeat(20 << 20)}');\n`,
      undefined,
    ],
  ])('takes %s', (_, statement, rows) => {
    const dump = Buffer.from(`${statement}-- PostgreSQL database dump complete\n`);
    expect(scan(dump)).toMatchObject({ rows: rows === undefined ? {} : { t: rows }, endMarker: 'end' });
    expect(split(dump, 65_536).is).toBe('end');
  });
});
