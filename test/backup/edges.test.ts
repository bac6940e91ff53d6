import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DumpEdges } from '../../lib/backup/edges.ts';
import type { OffsiteError } from '../../lib/base/errors.ts';

const head =
  '--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped from database version 16.4 (Debian)\n-- Dumped by pg_dump version 17.1\n\n';
const body = 'SET x = 1;\nCOPY public.t (a) FROM stdin;\n1\n\\.\n\n'.repeat(100);
const tail = '--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n';
const whole = head + body + tail;

function run(text: string, chunkBytes: number) {
  const edges = new DumpEdges();
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += chunkBytes) edges.push(bytes.subarray(at, at + chunkBytes));
  return edges.finish();
}

function refusal(text: string, chunkBytes = 1000): string {
  try {
    run(text, chunkBytes);
  } catch (error) {
    return (error as OffsiteError).code;
  }
  return 'accepted';
}

describe('DumpEdges', () => {
  it('takes a whole dump in chunks of any length, and reads its versions', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), (chunkBytes) => {
        expect(run(whole, chunkBytes)).toEqual({ serverVersion: '16.4 (Debian)', pgDumpVersion: '17.1' });
      }),
    );
  });

  it('takes the trailer of pg_dump before August 2025 too', () => {
    expect(refusal(`${head}${body}--\n-- PostgreSQL database dump complete\n--\n\n`)).toBe('accepted');
  });

  it('refuses a dump cut at any byte before its end marker', () => {
    const end = whole.indexOf('dump complete') + 'dump complete'.length;
    for (let length = 1; length < end; length += 7) {
      expect(refusal(whole.slice(0, length))).toMatch(/DUMP_INCOMPLETE/);
    }
    expect(refusal(whole.slice(0, end - 1))).toBe('DUMP_INCOMPLETE');
  });

  it('refuses a marker with data after it', () => {
    expect(refusal(`${whole}1\tx\n`)).toBe('DUMP_INCOMPLETE');
    expect(refusal(`${head}-- PostgreSQL database dump complete\nCOPY public.t (a) FROM stdin;\n`)).toBe(
      'DUMP_INCOMPLETE',
    );
  });

  it.each([
    ['nothing', '', 'DUMP_EMPTY'],
    ['custom format', 'PGDMP\u0001', 'DUMP_NOT_PLAIN'],
    ['messages first', `Warning: x\n${whole}`, 'DUMP_NOT_PLAIN'],
    ['a terminal’s line ends', whole.replaceAll('\n', '\r\n'), 'DUMP_NOT_PLAIN'],
    ['pg_dumpall', whole.replace('database dump\n', 'database cluster dump\n'), 'DUMP_NOT_PLAIN'],
    ['gzip', '\u001f\u008b', 'DUMP_NOT_PLAIN'],
  ])('refuses %s', (_, text, code) => {
    expect(refusal(text)).toBe(code);
    expect(refusal(text, 1)).toBe(code);
  });
});
