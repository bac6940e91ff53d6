// A file that is restored beside a manifest that is not its own: nothing of it is taken for the archive that it is not.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { jsonText } from '../../lib/base/parse-json.ts';
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

  it('none: it is judged by what is in it, and that is said', async () => {
    const file = join(folder, 'alone.sql.gz');
    writeFileSync(file, gzipSync(smallDump(3)));
    expect((await openFile(file)).warning).toMatch(/no manifest beside/);
    await read(file);
  });
});
