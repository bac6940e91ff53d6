// The house has rooms: core ← io ← steps ← (bin | lambda | rehearsal), and lib/stack sees core only.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Which rooms each room may import from, besides itself. */
const allowed: Record<string, readonly string[]> = {
  'lib/core': [],
  'lib/io': ['lib/core'],
  'lib/steps': ['lib/core', 'lib/io'],
  'lib/stack': ['lib/core'],
  'lib/rehearsal': ['lib/core', 'lib/io', 'lib/steps'],
  lambda: ['lib/core', 'lib/io', 'lib/steps'],
  bin: ['lib/core', 'lib/io', 'lib/steps', 'lib/stack'],
};

/** Packages that core may use: none that does I/O (of node:zlib, it takes the sum crc32; of node:crypto, the sum sha256). */
const purePackages = ['zod', 'node:zlib', 'node:crypto', 'd3-scale', 'd3-shape'];

const files = ['bin', 'lib', 'lambda'].flatMap(sourcesUnder);
const imports = new Map(files.map((file) => [file, importsOf(file)]));

describe('imports', () => {
  it('finds the sources', () => {
    expect(files.length).toBeGreaterThan(30);
    expect(importsOf('bin/stack.ts')).toContain('lib/stack/offsite-stack.ts');
  });

  it.each(files)('%s keeps to its rooms', (file) => {
    const room = roomOf(file);
    const wrong = localImports(file).filter((target) => {
      const other = roomOf(target);
      return other !== room && !allowed[room]?.includes(other);
    });
    expect(wrong).toEqual([]);
  });

  it.each(files.filter((file) => file.startsWith('lib/core/')))('%s does no I/O', (file) => {
    const packages = (imports.get(file) ?? []).filter((target) => !isLocal(target));
    expect(packages.filter((name) => !purePackages.includes(name))).toEqual([]);
    const text = readFileSync(join(root, file), 'utf8');
    expect(text).not.toMatch(
      /\bprocess\.|Date\.now\(|new Date\(\)|Math\.random|crypto\.random|performance\.now/,
    );
  });

  it('has no cycles', () => {
    expect(files.map((file) => findCycle(file, [])).find(Boolean)).toBeUndefined();
  });

  it('has no barrels and no rooms for everything', () => {
    const names = files.map((file) => file.slice(file.lastIndexOf('/') + 1));
    expect(names.filter((name) => /^(index|utils?|helpers?|common|misc)\.ts$/.test(name))).toEqual([]);
  });
});

function sourcesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|(?:^|\n)import '([^']+)'/g,
  );
  return [...found].map(([, from, dynamic, bare]) => {
    const target = from ?? dynamic ?? bare ?? '';
    return target.startsWith('.') ? relative(root, join(root, dirname(file), target)) : target;
  });
}

function localImports(file: string): string[] {
  return (imports.get(file) ?? []).filter((target) => isLocal(target) && target !== 'package.json');
}

function isLocal(target: string): boolean {
  return /^(bin|lib|lambda)\//.test(target) || target === 'package.json';
}

function roomOf(file: string): string {
  return Object.keys(allowed).find((room) => file.startsWith(`${room}/`)) ?? file;
}

function findCycle(file: string, path: readonly string[]): string | undefined {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' -> ');
  for (const target of localImports(file)) {
    const cycle = findCycle(target, [...path, file]);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
