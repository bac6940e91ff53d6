// What a person names for output, as it is on real file systems. Devices are made in a folder of the test's own, by root;
// as another user those tests are skipped aloud.

import { createReadStream, existsSync, lstatSync, readlinkSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertOutput, writeOutput } from '../../lib/base/output-file.ts';

let home: string;
let file: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'offsite-output-'));
  file = join(home, 'archive.sql.gz');
});
afterEach(() => rm(home, { recursive: true, force: true }));

const options = (force = false) => ({ force, flag: '-o FILE' });

function put(path: string, text: string, force?: boolean) {
  return writeOutput(path, options(force), (destination) => pipeline([text], destination()));
}

/** Writes something and then fails, as a download does that is cut. */
function fail(path: string, force: boolean, error = new Error('cut')) {
  return writeOutput(path, options(force), (destination) =>
    pipeline(async function* () {
      yield 'half of it';
      throw error;
    }, destination()),
  );
}

describe('a file', () => {
  it('appears whole, for its owner alone', async () => {
    await put(file, 'new');
    expect(await readFile(file, 'utf8')).toBe('new');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await readdir(home)).toEqual(['archive.sql.gz']);
  });

  it('that is there is replaced with force only, and survives every failure', async () => {
    await writeFile(file, 'mine');
    await expect(put(file, 'new')).rejects.toMatchObject({
      code: 'FILE_EXISTS',
      hint: expect.stringContaining('-o FILE'),
    });
    await expect(fail(file, true)).rejects.toThrow('cut');
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect(await readdir(home)).toEqual(['archive.sql.gz']);
    await put(file, 'new', true);
    expect(await readFile(file, 'utf8')).toBe('new');
  });

  it('that comes up meanwhile is not replaced without force', async () => {
    const written = writeOutput(file, options(), async (destination) => {
      await writeFile(file, 'theirs');
      await pipeline(['ours'], destination());
    });
    await expect(written).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(await readFile(file, 'utf8')).toBe('theirs');
    expect(await readdir(home)).toEqual(['archive.sql.gz']);
  });

  it('that another writes at the same time is whole, and of one of them', async () => {
    const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(200_000));
    await Promise.all(texts.map((text) => put(file, text, true)));
    expect(texts).toContain(await readFile(file, 'utf8'));
    expect(await readdir(home)).toEqual(['archive.sql.gz']);
  });

  it.each([
    ['in no folder', 'nowhere/archive'],
    ['below a file', 'plain/archive'],
    ['of too long a name', 'x'.repeat(400)],
  ])('%s is refused before anything is fetched', async (_, name) => {
    await writeFile(join(home, 'plain'), '');
    const fetched = expect.unreachable;
    await expect(writeOutput(join(home, name), options(), async () => fetched())).rejects.toMatchObject({
      code: 'USAGE',
    });
  });
});

describe('what a killed one left', () => {
  /** The name of a partial file of a process that has ended. */
  async function leftBy(): Promise<string> {
    const { stdout } = await execa('sh', ['-c', 'echo $$']);
    const left = `${file}.${stdout}-abcdef.partial`;
    await writeFile(left, 'half');
    return left;
  }

  it('is in nobody’s way, and removed once it is old', async () => {
    const [young, aged] = [await leftBy(), await leftBy()];
    const hourAgo = Date.now() / 1000 - 3600;
    await utimes(aged, hourAgo, hourAgo);
    await writeFile(`${file}.partial`, 'of an earlier version');
    await put(file, 'whole');
    expect(existsSync(young)).toBe(true);
    expect(existsSync(aged)).toBe(false);
    expect(await readFile(file, 'utf8')).toBe('whole');
  });

  it('is left alone while its process lives', async () => {
    const running = `${file}.${process.pid}-abcdef.partial`;
    await writeFile(running, 'half');
    await utimes(running, 0, 0);
    await put(file, 'whole');
    expect(existsSync(running)).toBe(true);
  });
});

describe('a link', () => {
  it('is followed to what it names, through others too', async () => {
    await mkdir(join(home, 'far'));
    const target = join(home, 'far', 'target');
    await writeFile(target, 'mine');
    await symlink('far/target', join(home, 'near'));
    await symlink(join(home, 'near'), file);
    await expect(put(file, 'new')).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await put(file, 'new', true);
    expect(await readFile(target, 'utf8')).toBe('new');
    expect(readlinkSync(file)).toBe(join(home, 'near'));
    expect((await readdir(join(home, 'far'))).concat((await readdir(home)).sort())).toEqual([
      'target',
      'archive.sql.gz',
      'far',
      'near',
    ]);
  });

  it('that dangles makes what it names', async () => {
    await mkdir(join(home, 'far'));
    await symlink('far/target', file);
    await put(file, 'new');
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(await readFile(join(home, 'far/target'), 'utf8')).toBe('new');
  });

  it('that goes in circles is refused', async () => {
    await symlink('archive.sql.gz', file);
    await expect(put(file, 'new', true)).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('what is no file', () => {
  it.each([false, true])('a folder is refused before anything is fetched (--force: %s)', async (force) => {
    await expect(assertOutput(home, options(force))).rejects.toMatchObject({
      code: 'USAGE',
      found: 'a folder',
    });
    await expect(
      writeOutput(`${join(home, 'new')}/`, options(force), async () => expect.unreachable()),
    ).rejects.toMatchObject({ code: 'USAGE' });
  });

  it.each([false, true])('a named pipe is written through (--force: %s)', async (force) => {
    await execa('mkfifo', [file]);
    const reading = createReadStream(file).toArray();
    await put(file, 'through', force);
    expect(Buffer.concat(await reading).toString()).toBe('through');
    expect(lstatSync(file).isFIFO()).toBe(true);
  });

  it('a named pipe whose reader goes is told as that', async () => {
    await execa('mkfifo', [file]);
    const reading = execa('head', ['-c', '1', file]);
    const endless = async function* () {
      for (;;) yield Buffer.alloc(65536);
    };
    const written = writeOutput(file, options(false), (destination) => pipeline(endless, destination()));
    await expect(written).rejects.toMatchObject({ code: 'OUTPUT_LOST' });
    await reading;
  });

  it('stdout is appended to, whatever it is', async () => {
    const program = `
      import { pipeline } from 'node:stream/promises';
      import { writeOutput } from '${join(import.meta.dirname, '../../lib/base/output-file.ts')}';
      for (const path of process.argv.slice(1))
        await writeOutput(path, { force: false, flag: '-o' }, (to) => pipeline(['more'], to()));`;
    for (const path of ['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']) {
      await writeFile(file, 'before ');
      await execa('sh', [
        '-c',
        '"$0" --input-type=module -e "$1" "$2" >> "$3"',
        process.execPath,
        program,
        path,
        file,
      ]);
      expect({ path, text: await readFile(file, 'utf8') }).toEqual({ path, text: 'before more' });
    }
  });
});

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('SKIPPED: only root makes devices and mounts the small disk that output fills');

describe.skipIf(!isRoot)('of root', () => {
  it.each([
    ['c', 'isCharacterDevice', { outcome: 'written' }],
    ['b', 'isBlockDevice', { code: 'USAGE', found: 'a disk' }],
  ] as const)('a device (%s) stays one', async (kind, is, expected) => {
    // 1,3 is what swallows everything; of block devices, one that no driver has.
    const { failed } = await execa('mknod', [file, kind, ...(kind === 'c' ? ['1', '3'] : ['240', '250'])], {
      reject: false,
    });
    if (failed) return console.warn('SKIPPED: this root may not make devices');
    for (const force of [false, true]) {
      const found = await put(file, 'new', force).then(
        () => ({ outcome: 'written' }),
        (error) => error,
      );
      // A file system without devices lets none be opened.
      if (found.found?.includes('EACCES')) console.warn('SKIPPED: no devices on this file system');
      else expect(found).toMatchObject(expected);
      expect(lstatSync(file)[is]()).toBe(true);
    }
  });

  it('a disk that gets full costs no file that was there', async () => {
    const full = join(home, 'full');
    await mkdir(full);
    const { failed } = await execa('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', full], {
      reject: false,
    });
    if (failed) return console.warn('SKIPPED: this root may not mount');
    try {
      const there = join(full, 'archive');
      await writeFile(there, 'mine');
      const much = 'x'.repeat(1024 * 1024);
      for (const [path, force] of [
        [there, true],
        [join(full, 'new'), false],
      ] as const) {
        await expect(put(path, much, force)).rejects.toMatchObject({
          code: 'DISK_FULL',
          exitCode: 1,
          hint: expect.stringContaining('make room'),
        });
      }
      expect(await readdir(full)).toEqual(['archive']);
      expect(await readFile(there, 'utf8')).toBe('mine');
    } finally {
      await execa('umount', [full]);
    }
  });
});

it.skipIf(isRoot)('a folder that may not be written is refused before anything is fetched', async () => {
  await chmod(home, 0o500);
  await expect(assertOutput(file, options())).rejects.toMatchObject({ code: 'USAGE' });
  await chmod(home, 0o700);
});
