// `ls lib` reads as the way of the data: a room imports only rooms that stand before it, and what decides does no I/O.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pureFiles, readHouse, roomsInOrder } from './fixtures/rooms.ts';

/** Rooms that only decide. */
const pureRooms = ['cost', 'deployment', 'sql'];

const house = readHouse();
const pure = pureFiles(house);
const sources = [...house.values()];

describe('rooms', () => {
  it('are the ones of the list, each with something in it', () => {
    expect(new Set(sources.map(({ room }) => room))).toEqual(new Set(roomsInOrder));
    expect(house.get('bin/stack.ts')?.files).toContain('lib/stack/offsite-stack.ts');
    expect(house.get('bin/commands/nightly-commands.ts')?.files).toContain('bin/commands/backup.ts');
  });

  it.each(sources)('$file imports what stands above it', ({ room, files }) => {
    const above = roomsInOrder.slice(0, roomsInOrder.indexOf(room as (typeof roomsInOrder)[number]) + 1);
    expect(roomsOf(files).filter((target) => !above.includes(target as (typeof above)[number]))).toEqual([]);
  });

  it('has no cycles', () => {
    expect(sources.map(({ file }) => findCycle(file, [])).find(Boolean)).toBeUndefined();
  });

  it('has no barrels and no rooms for everything', () => {
    const names = sources.map(({ file }) => file.slice(file.lastIndexOf('/') + 1));
    expect(names.filter((name) => /^(index|utils?|helpers?|common|misc)\.ts$/.test(name))).toEqual([]);
  });

  it('has no file over 250 lines', () => {
    expect(sources.filter(({ text }) => text.split('\n').length - 1 > 250).map(({ file }) => file)).toEqual(
      [],
    );
  });
});

describe('pure', () => {
  it.each(sources.filter(({ room }) => pureRooms.includes(room)))('$file, as its whole room', ({ file }) => {
    expect([...pure]).toContain(file);
  });

  it.each(sources.filter(({ room }) => room === 'stack'))('is what $file imports', ({ files }) => {
    const others = files.filter((file) => house.get(file)?.room !== 'stack');
    expect(others.filter((file) => !pure.has(file))).toEqual([]);
  });

  it('are the files of the list, so that none loses it unnoticed (rooms.ts --pure writes it)', () => {
    const list = readFileSync(join(import.meta.dirname, 'pure-files.txt'), 'utf8');
    expect([...pure].sort()).toEqual(list.trimEnd().split('\n'));
  });

  it('is not what reads the clock, waits, or takes a program of the system', () => {
    for (const file of ['lib/base/process.ts', 'lib/settings/settings.ts', 'lib/store/s3.ts']) {
      expect(house.has(file) && pure.has(file)).toBe(false);
    }
  });
});

function roomsOf(files: readonly string[]): string[] {
  return [...new Set(files.map((file) => house.get(file)?.room))].filter((room) => room !== undefined);
}

function findCycle(file: string, path: readonly string[]): string | undefined {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' -> ');
  for (const target of house.get(file)?.files ?? []) {
    const cycle = findCycle(target, [...path, file]);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
