import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DumpPart, DumpSplitter } from '../../lib/sql/splitter.ts';
import { smallDump } from '../fixtures/archives.ts';

function split(pieces: readonly Uint8Array[]): { parts: DumpPart[]; splitter: DumpSplitter } {
  const splitter = new DumpSplitter();
  const parts = pieces.flatMap((piece) => [...splitter.push(piece)].map(copied));
  parts.push(...splitter.finish());
  return { parts, splitter };
}

/** Parts share a chunk's memory. */
function copied(part: DumpPart): DumpPart {
  return { ...part, bytes: Buffer.from(part.bytes) };
}

const hostile = `${smallDump(3)}
CREATE FUNCTION f() RETURNS void AS $x$ ; \\! touch x
COPY a FROM stdin; $x$ LANGUAGE sql;
COPY public."odd ""name" (a) FROM stdin;
\\\\.
\\\\x5c2e
\\.x
 \\.
-- PostgreSQL database dump complete
\\.
COPY public.empty (a) FROM stdin;
\\.
INSERT INTO t VALUES ('a;b', E'\\';', $$;$$);
/* ; /* nested */ ; */ SELECT 1;
`;

/** Rows by table and statements with their lines: what must not depend on how the dump was cut. */
function summary(parts: readonly DumpPart[]) {
  const seen: { line: number; text: string; rows?: string }[] = [];
  for (const part of parts) {
    if (part.kind === 'statement') seen.push({ line: part.line, text: part.bytes.toString(), rows: '' });
    const last = seen.at(-1);
    if (part.kind === 'rows' && last !== undefined) last.rows += part.bytes.toString('latin1');
  }
  return seen;
}

describe('DumpSplitter', () => {
  it('gives statements with their lines, and rows without the line that ends them', () => {
    const { parts } = split([Buffer.from(hostile)]);
    const seen = summary(parts);
    const lines = hostile.split('\n');
    for (const { line, text } of seen) expect(lines[line - 1]).toContain(text.split('\n')[0]);
    expect(seen.map(({ text }) => text.slice(0, 20))).toMatchInlineSnapshot(`
      [
        "CREATE TABLE public.",
        "ALTER TABLE public.t",
        "COPY public.torrents",
        "ALTER TABLE ONLY pub",
        "CREATE INDEX torrent",
        "CREATE FUNCTION f() ",
        "COPY public."odd ""n",
        "COPY public.empty (a",
        "INSERT INTO t VALUES",
        "SELECT 1;",
      ]
    `);
    expect(seen.filter(({ text }) => text.startsWith('COPY')).map(({ rows }) => rows)).toEqual([
      '\\\\x0\tname 0\n\\\\x1\tname 1\n\\\\x2\tname 2\n',
      '\\\\.\n\\\\x5c2e\n\\.x\n \\.\n-- PostgreSQL database dump complete\n',
      '',
    ]);
  });

  it('gives the same, and every byte, however the dump is cut', () => {
    const whole = Buffer.from(hostile);
    const expected = summary(split([whole]).parts);
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 40 }), (cuts) => {
        const at = [0, ...cuts.toSorted((one, other) => one - other), whole.length];
        const { parts } = split(at.slice(1).map((end, index) => whole.subarray(at[index], end)));
        expect(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(whole)).toBe(true);
        expect(summary(parts)).toEqual(expected);
        let line = 1;
        for (const part of parts) {
          if (part.kind === 'rows') expect(part.line).toBe(line);
          line += part.bytes.toString('latin1').split('\n').length - 1;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('refuses psql’s own commands wherever they stand outside of text, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('\\!', '\\copy t from x', '\\q', '\\gexec', '\\restrict a b', '\\connect x'),
        fc.nat(9),
        (command, cut) => {
          const text = Buffer.from(`SELECT 1;\n${command} touch x\nSELECT 2;\n`);
          const pieces = [text.subarray(0, cut + 8), text.subarray(cut + 8)];
          expect(() => split(pieces)).toThrow(expect.objectContaining({ code: 'RESTORE_REFUSED' }));
        },
      ),
    );
  });

  it('knows where a dump was cut, and whether it ends with its marker', () => {
    const text = smallDump(3);
    const cutIn = (words: string) => () => split([Buffer.from(text.slice(0, text.indexOf(words) + 3))]);
    expect(cutIn('name 1')).toThrow('the dump ends in the rows of public.torrents');
    expect(cutIn('ADD CONSTRAINT')).toThrow('the dump ends inside of a statement');
    expect(split([Buffer.from(text)]).splitter.ended).toBe(true);
    expect(split([Buffer.from(`${text}SELECT 1;\n`)]).splitter.ended).toBe(false);
    expect(split([Buffer.from(text.slice(0, text.indexOf('\\unrestrict')))]).splitter.ended).toBe(false);
    expect(split([Buffer.from(text.replace('\\unrestrict abc', '\\unrestrict ab'))]).splitter.ended).toBe(
      false,
    );
    expect(split([Buffer.from(text.slice(0, text.indexOf('CREATE INDEX')))]).splitter.ended).toBe(false);
  });
});
