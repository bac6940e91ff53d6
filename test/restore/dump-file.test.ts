// A file that is restored beside a manifest that is not its own: nothing of it is taken for the archive that it is not.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../lib/base/find-program.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import { importDump } from '../../lib/import/import.ts';
import { openFile } from '../../lib/restore/dump-file.ts';
import { smallDump } from '../fixtures/archives.ts';
import { exampleManifest } from '../fixtures/manifests.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-dump-file-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = async (file: string, manifestFile?: string) => {
  const { dump } = await openFile(file, manifestFile);
  for await (const _ of dump((bytes) => bytes));
};

describe("another archive's manifest", () => {
  it.each(['beside it', 'named'])('%s: the bytes are not those that it speaks of', async (where) => {
    const file = join(folder, 'another.sql.gz');
    writeFileSync(file, gzipSync(smallDump(3)));
    const manifest = join(folder, where === 'named' ? 'theirs.json' : 'another.manifest.json');
    writeFileSync(manifest, jsonText(exampleManifest));
    const reading = read(file, where === 'named' ? manifest : undefined);
    await expect(reading).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
  });

  it('is said to be none, if it is none', async () => {
    const file = join(folder, 'no-manifest.sql');
    writeFileSync(file, smallDump(3));
    await expect(openFile(file, file)).rejects.toMatchObject({
      code: 'USAGE',
      message: `${file} is no manifest`,
    });
  });

  it('none: it is judged by what is in it, and that is said', async () => {
    const file = join(folder, 'alone.sql.gz');
    writeFileSync(file, gzipSync(smallDump(3)));
    expect((await openFile(file)).warning).toMatch(/no manifest beside/);
    await read(file);
  });
});

describe('another kind of file', () => {
  const dump = Buffer.from(smallDump(3));
  const by = (program: string, ...args: string[]) => execFileSync(program, args, { input: dump });
  const kinds: [string, string, () => Buffer][] = [
    ['zstd', "it's night 2026-11-08.sql.zst", () => by('zstd', '-c')],
    ['xz', 'night-2026-11-08.sql', () => by('xz', '-c')],
    ['bzip2', 'night-2026-11-08.bz2', () => by('bzip2', '-c')],
    ['lz4', 'night-2026-11-08.sql.lz4', () => by('lz4', '-c')],
    ['zip', 'night-2026-11-08.zip', () => by('zip', '-q', '-', '-')],
    ['iconv', 'night-2026-11-08', () => by('iconv', '-f', 'UTF-8', '-t', 'UTF-16')],
    ['tail', 'marked-2026-11-08.sql', () => Buffer.concat([Buffer.from('\ufeff'), dump])],
    ['gzip', 'twice-2026-11-08.sql.gz', () => gzipSync(gzipSync(dump))],
  ];

  it.each(kinds)(
    'what %s reads is told with the line that makes a plain dump of it, for restore and import',
    async (program, name, make) => {
      if (findProgram(program) === undefined) return console.warn(`SKIPPED: ${program} is not installed`);
      const file = join(folder, name);
      const bytes = make();
      writeFileSync(file, bytes);
      const refusal = async (doing: Promise<unknown>) => {
        const { hint } = await doing.then(
          () => expect.fail('it was taken'),
          (error) => error,
        );
        const [, line = '', made = ''] =
          /^make one of it: (.*), then: offsite (?:restore|import) (.*)$/.exec(hint) ?? [];
        execFileSync('sh', ['-ec', line]);
        return execFileSync('sh', [
          '-c',
          `${made.endsWith('.gz') || made.endsWith(".gz'") ? 'gunzip -c' : 'cat'} ${made}`,
        ]);
      };
      expect(await refusal(read(file))).toEqual(dump);
      const nowhere = {} as Parameters<typeof importDump>[0];
      if (program !== 'gzip') expect(await refusal(importDump({ ...nowhere, file }))).toEqual(dump);
      expect(readFileSync(file)).toEqual(bytes);
    },
  );

  it.each([
    ['-----BEGIN PGP MESSAGE-----', /encrypted by gpg/],
    ['\x8c\x0d\x04\x09', /encrypted by gpg/],
    ['age-encryption.org/v1', /encrypted by age/],
    ['SQLite format 3\0', /SQLite/],
    ['-- MySQL dump 10.13', /MySQL/],
    ['<?xml version="1.0"?><Error><Code>AccessDenied', /what a store answers/],
    ['version https://git-lfs.github.com/spec/v1\n', /pointer of Git LFS/],
    ['s3://bucket/archives/night.sql.gz\n', /an address/],
    ['{"format":1,"id":"bitagent-2026-11-08-031500Z"}', /JSON/],
    ['H4sIAAAAAAAAA', /base64/],
    ['Salted__12345678', /encrypted by openssl/],
    ['PG_VERSION\0', /a server's own files/],
    ['', /empty/],
    ['\x07\x80\x01\xff\x02\x9c\x05\x1f', /^binary data/],
    ['SELECT 1;\0', /^binary data/],
  ])('%j is named', async (text, found) => {
    const file = join(folder, 'other.sql');
    for (const bytes of [Buffer.from(text, 'latin1'), gzipSync(Buffer.from(text, 'latin1'))]) {
      writeFileSync(file, bytes);
      await expect(read(file)).rejects.toMatchObject({
        code: 'RESTORE_REFUSED',
        found: expect.stringMatching(found),
        hint: expect.not.stringContaining('FILE'),
      });
    }
  });

  it('a plain one is imported behind gzip, and restored as it is; stdin is neither', async () => {
    const file = join(folder, 'plain-2026-11-08.sql');
    writeFileSync(file, dump);
    await read(file);
    await expect(importDump({ file } as Parameters<typeof importDump>[0])).rejects.toMatchObject({
      hint: expect.stringContaining(`gzip -c ${file} > ${folder}/plain-2026-11-08.plain.sql.gz`),
    });
    await expect(openFile('-')).rejects.toMatchObject({ code: 'USAGE', found: 'stdin' });
  });
});
