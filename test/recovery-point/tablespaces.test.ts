// Where tablespaces come to lie, and what is refused before anything is written.

import { describe, expect, it } from 'vitest';
import { pathIn, placeTablespaces, tablespaceMap } from '../../lib/recovery-point/tablespaces.ts';

const spaces = [
  { oid: 16384, location: '/disk/one', bytes: 1 },
  { oid: 163845, location: '/disk/a=b', bytes: 2 },
];
const place = (...mappings: string[]) => placeTablespaces(spaces, '/new/data', mappings);

describe('tablespaces', () => {
  it('lie below the data directory, unless another folder is named', () => {
    const below = ['/new/data/tablespaces/16384', '/new/data/tablespaces/163845'];
    expect(place().map(({ folder }) => folder)).toEqual(below);
    const elsewhere = place('/disk/one=/other//disk/', '/disk/a\\=b=/third');
    expect(elsewhere.map(({ folder }) => folder)).toEqual(['/other/disk', '/third']);
    expect(tablespaceMap(place('/disk/one=/with\\backslash'))).toBe(
      `16384 /with\\\\backslash\n163845 ${below[1]}\n`,
    );
  });

  it('have their files there, and nobody else’s', () => {
    const placed = place('/disk/one=/other');
    const paths = ['pg_tblspc', 'pg_tblspc/16384/PG_15/5/1', 'pg_tblspc/163845/PG_15', 'base/1'];
    expect(paths.map((name) => pathIn('/new/data', placed, name))).toEqual([
      '/new/data/pg_tblspc',
      '/other/PG_15/5/1',
      '/new/data/tablespaces/163845/PG_15',
      '/new/data/base/1',
    ]);
  });

  it.each([
    ['/disk/one', 'OLD=NEW'],
    ['/disk/one=relative', 'OLD=NEW'],
    ['/disk/two=/other', '/disk/one, /disk/a=b'],
    ['/disk/one=/new', 'apart'],
    ['/disk/one=/new/data/within', 'apart'],
  ])('are not placed by %s', (mapping, expected) => {
    expect(() => place(mapping)).toThrow(
      expect.objectContaining({ code: 'USAGE', expected: expect.stringContaining(expected) }),
    );
  });

  it('do not share a folder', () => {
    expect(() => place('/disk/one=/other', '/disk/a\\=b=/other/within')).toThrow(
      expect.objectContaining({ found: '/other/within and /other' }),
    );
  });
});
