import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { judge } from '../../lib/archive/verdict.ts';
import { observe } from '../../lib/verify/observe.ts';
import { scan } from '../fixtures/archive.ts';
import { archiveOf, damaged, damages, lies, mistold } from '../fixtures/damaged-archives.ts';

const rows = Array.from({ length: 3000 }, (_, index) => `${index * 7919}\ttorrent ${index}\n`).join('');
const dump = Buffer.from(`--
-- PostgreSQL database dump
--

\\restrict aToken

-- Dumped from database version 15.18 (Debian 15.18-1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-1)

CREATE TABLE public.torrents (
    id bigint,
    name text
);

COPY public.torrents (id, name) FROM stdin;
${rows}\\.

CREATE INDEX torrents_name_idx ON public.torrents USING btree (name);

--
-- PostgreSQL database dump complete
--

\\unrestrict aToken

`);

function membersOf(memberBytes: number): Buffer[] {
  const count = Math.ceil(dump.length / memberBytes);
  return Array.from({ length: count }, (_, index) =>
    dump.subarray(index * memberBytes, (index + 1) * memberBytes),
  );
}

async function* chunks(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

describe('observe', () => {
  test('sees the same whether members are inflated at once or in turn, and so judges the same', async () => {
    const verdicts = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2000, max: 90_000 }),
        damages,
        lies,
        fc.integer({ min: 50, max: 20_000 }),
        async (memberBytes, harm, told, chunkBytes) => {
          const whole = archiveOf(membersOf(memberBytes));
          const file = harm.reduce(damaged, whole.file);
          const members = told.reduce(mistold, whole.members);
          const manifest = {
            members,
            plainBytes: dump.length,
            compressedBytes: whole.file.length,
            sha256: createHash('sha256').update(whole.file).digest('hex'),
          } as Manifest;
          const inTurn = await observe(() => chunks(file, chunkBytes), { ...manifest, members: [] });
          const atOnce = await observe(() => chunks(file, chunkBytes), manifest);
          expect(atOnce).toEqual(inTurn);
          expect(judge(manifest, atOnce)).toEqual(judge(manifest, inTurn));
          const { verdict } = judge(manifest, atOnce);
          verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
        },
      ),
      { numRuns: 300 },
    );
    expect(verdicts.get('intact')).toBeGreaterThan(10);
    expect(verdicts.get('damaged')).toBeGreaterThan(100);
  });

  test('inflates no more than the plain bytes of a manifest whose members are more', async () => {
    const { file, members } = archiveOf(membersOf(1e6));
    const found = await observe(() => chunks(Buffer.concat([file, file]), 5000), {
      members: [...members, ...members],
      plainBytes: dump.length,
    });
    expect(found.gzipError).toContain(`more than ${dump.length} plain bytes`);
  });

  test('finds of a whole archive what a scan of the dump finds', async () => {
    const { file, members } = archiveOf(membersOf(10_000));
    const found = await observe(() => Readable.from(chunks(file, 1000)), {
      members,
      plainBytes: dump.length,
    });
    expect(found).toEqual({
      compressedBytes: file.length,
      plainBytes: dump.length,
      sha256: createHash('sha256').update(file).digest('hex'),
      members,
      inventory: scan(dump),
    });
    expect(found.inventory.endMarker).toBe('end');
  });
});
