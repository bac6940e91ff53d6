// Files that are no archives: `verify FILE` says what they are. Made by the real programs, where they are installed.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { judge } from '../../lib/archive/verdict.ts';
import { findProgram } from '../../lib/base/find-program.ts';
import { observe, observeGzip } from '../../lib/verify/observe.ts';

const dump = Buffer.from(
  `--\n-- PostgreSQL database dump\n--\n\n${'SELECT 1;\n'.repeat(2000)}--\n-- PostgreSQL database dump complete\n--\n\n`,
);
const noise = createHash('sha512').update(dump).digest();
const custom = Buffer.concat([Buffer.from('PGDMP\x01\x0e\x00\x04\x08'), Buffer.alloc(4000, 7)]);

async function* chunks(bytes: Buffer, chunkBytes: number) {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function judged(bytes: Buffer, chunkBytes = 7) {
  const judgement = judge(undefined, await observe(() => chunks(bytes, chunkBytes), undefined));
  return { verdict: judgement.verdict, found: 'deviations' in judgement && judgement.deviations[0]?.found };
}

describe('a file that is no archive is told as what it is', () => {
  it.each<[string, Buffer, string, RegExp]>([
    ['nothing', Buffer.alloc(0), 'damaged', /^the file is empty$/],
    ['a plain dump', dump, 'damaged', /plain dump that is not compressed/],
    ['some text', Buffer.from('hello, größe\n'), 'damaged', /plain text that is not compressed/],
    ['a custom dump', custom, 'damaged', /no gzip, but pg_dump's custom format \(-Fc\)/],
    ['a custom dump in gzip', gzipSync(custom), 'incomplete', /^pg_dump's custom format \(-Fc\)/],
    ['gzip in gzip', gzipSync(gzipSync(dump)), 'incomplete', /compressed twice/],
    ['nothing in gzip', gzipSync(Buffer.alloc(0)), 'incomplete', /empty file/],
    ['noise', noise, 'damaged', /not in gzip format/],
    ['noise in gzip', gzipSync(noise), 'incomplete', /^binary data of no kind that is known here/],
    ['zeros in gzip', gzipSync(Buffer.alloc(3000)), 'incomplete', /^binary data/],
    [
      'a message in gzip',
      gzipSync('sh: 1: pg_dump: not found\n'),
      'incomplete',
      /^no SQL where the dump should begin: "sh: 1/,
    ],
    ['a page in gzip', gzipSync('\n<HTML>\n'), 'incomplete', /^no SQL .*: "<HTML>"$/],
    ['the second half of a dump', gzipSync('4\tgröße\n\\.\n'), 'incomplete', /^no SQL .*: "4\\tgröße"$/],
    [
      'UTF-16 in gzip',
      gzipSync(Buffer.from(dump.toString(), 'utf16le')),
      'incomplete',
      /^UTF-16 without a byte order mark/,
    ],
    ['cut gzip', gzipSync(dump).subarray(0, 60), 'damaged', /the file ends in the compressed text/],
    ['gzip of a cut dump', gzipSync(dump.subarray(0, 60)), 'incomplete', /it was cut/],
  ])('%s', async (_, bytes, verdict, found) => {
    for (const chunkBytes of [1, 7, 100_000]) {
      expect(await judged(bytes, chunkBytes)).toEqual({ verdict, found: expect.stringMatching(found) });
    }
  });

  it.each([
    ['zstd', ['-c']],
    ['xz', ['-c']],
    ['bzip2', ['-c']],
    ['lz4', ['-c']],
    ['tar', ['-c', '-f', '-', 'package.json']],
  ])('what %s makes', async (program, args) => {
    if (findProgram(program) === undefined) return console.warn(`SKIPPED: ${program} is not installed`);
    const made = execFileSync(program, args, program === 'tar' ? {} : { input: dump });
    const name = program === 'tar' ? /a tar file/ : new RegExp(`compressed by ${program}`);
    expect(await judged(made)).toEqual({ verdict: 'damaged', found: expect.stringMatching(name) });
    expect(await judged(gzipSync(made))).toEqual({
      verdict: 'incomplete',
      found: expect.stringMatching(name),
    });
    expect((await observeGzip(chunks(made, 65_536))).error).toMatch(name);
  });
});
