// Parts scanned side by side against one scan of the whole: every cut of a hostile dump, and any cut of any text.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DumpContents } from '../../lib/sql/contents.ts';
import { DumpSplitter } from '../../lib/sql/splitter.ts';
import { scan as scanWhole } from '../fixtures/archive.ts';
import { smallDump } from '../fixtures/archives.ts';
import { anyDump, header, hostile, trailer } from '../fixtures/hostile-dump.ts';
import { isLong, often } from '../fixtures/often.ts';
import { scanParts } from '../fixtures/scan-parts.ts';

/** Whether a cut after a word's first letter stands for one further on in it. */
const isFurtherIn = (dump: Buffer, cut: number) => /^\w\w\w$/.test(dump.toString('latin1', cut - 2, cut + 1));
const anyCuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });

describe('scans of parts, joined', () => {
  it('give the inventory of the whole, wherever a hostile dump is cut in two', () => {
    const dump = Buffer.from(hostile);
    const whole = scanWhole(dump);
    for (let cut = 0; cut <= dump.length; cut += 1) {
      if (isFurtherIn(dump, cut) && !isLong) continue;
      expect(scanParts(dump, [cut], 512).inventory, `cut at ${cut}`).toEqual(whole);
    }
  });

  it('give it for a part a byte', () => {
    const dump = Buffer.from(smallDump(3));
    const cuts = Array.from({ length: dump.length - 1 }, (_, index) => index + 1);
    expect(scanParts(dump, cuts).inventory).toEqual(scanWhole(dump));
  });

  it('find two dumps in one, in whichever parts they are, as restore does', () => {
    const dump = Buffer.from(smallDump(3) + smallDump(3));
    const refused = { found: expect.stringMatching(/^table public\.\w+ a second time/) };
    expect(scanWhole(dump).refused).toMatchObject(refused);
    for (let cut = 0; cut <= dump.length; cut += 7)
      expect(scanParts(dump, [cut], 512).inventory.refused, `cut at ${cut}`).toMatchObject(refused);
    expect(() => new DumpSplitter(new DumpContents()).push(dump)).toThrowError(
      expect.objectContaining({ code: 'RESTORE_REFUSED', ...refused }),
    );
    // Of a server before 10.3: SET search_path says which schema it is in.
    const old = smallDump(3).replaceAll('public.', '');
    expect(scanWhole(Buffer.from(old + old)).refused).toBeUndefined();
  });

  it('give it for any cuts of any text', () => {
    fc.assert(
      fc.property(anyDump, anyCuts, fc.integer({ min: 1, max: 9 }), (dump, places, chunkBytes) => {
        const cuts = places.map((place) => Math.floor(place * dump.length));
        expect(scanParts(dump, cuts, chunkBytes).inventory).toEqual(scanWhole(dump));
      }),
      { numRuns: often(1000, 5000) },
    );
  });

  it('are of use as they are where the cuts fall into rows, whatever these hold', () => {
    const rows = [
      '-- PostgreSQL database dump complete',
      '\\\\.',
      '\\.x',
      'COPY public.fake (a) FROM stdin;',
      '\\restrict x',
      "it's $$ /* (",
      'naïve 中文 😀',
    ];
    const block = (table: string) =>
      `COPY ${table} (a) FROM stdin;\n${rows.join('\n')}\n${rows.join('\n')}\n\\.\n\n`;
    const dump = Buffer.from(`${header}${block('public.one')}${block('public.two')}${trailer}`);
    const text = dump.toString('latin1');
    const inRows = ['public.one', 'public.two'].flatMap((table) => {
      const start = text.indexOf('\n', text.indexOf(`COPY ${table}`));
      const end = text.indexOf('\n\\.\n', start);
      return Array.from({ length: end - start }, (_, index) => start + index);
    });
    for (const cut of inRows) {
      const { inventory, again } = scanParts(dump, [cut], 64);
      expect(inventory).toEqual(scanWhole(dump));
      expect(again, `cut at ${cut}`).toEqual([]);
    }
    // A part that is within one character shows nothing of where it ends.
    const betweenLetters = inRows.filter((cut) => ((dump[cut - 1] ?? 0) | (dump[cut] ?? 0)) < 0x80);
    expect(scanParts(dump, betweenLetters).again).toEqual([]);
  });

  it('are not trusted where what a part gives back cannot be told from what was due before it', () => {
    const dump = Buffer.from(
      'COPY a (b) FROM stdin;\n1\n\\.\n\\restrict x\nCOPY a (b) FROM stdin;\n1\n2\n\\.\n\\unrestrict x\n\\unrestrict y\n-- PostgreSQL database dump complete\n',
    );
    const { inventory, again } = scanParts(dump, [dump.indexOf('2\n')]);
    expect(again).toEqual([1]);
    expect(inventory).toEqual(scanWhole(dump));
    expect(inventory).toMatchObject({ rows: { a: 3 }, endMarker: 'end' });
  });

  it('are not trusted where the dump is read by other rules than the guess', () => {
    const dump = Buffer.from(
      "SET standard_conforming_strings = off;\nCOPY a (b) FROM stdin;\n1\n2\n\\.\nSELECT '\\'; CREATE TABLE t (a int); --';\n",
    );
    const { inventory, again } = scanParts(dump, [dump.indexOf('2\n')]);
    expect(again).toEqual([1]);
    expect(inventory).toEqual(scanWhole(dump));
    expect(inventory.tables).toEqual([]);
  });
});
