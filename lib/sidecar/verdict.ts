// What re-reading a sidecar's archive showed.

import type { Deviation } from '../archive/verdict.ts';
import type { SidecarContents, SidecarManifest } from './manifest.ts';

/** What differs between what was archived and what came of it. @param faults - What SQLite finds broken. */
export function differences(
  { contents }: Pick<SidecarManifest, 'contents'>,
  found: SidecarContents,
  faults: readonly string[],
): Deviation[] {
  const whole = faults.map((fault) => ({ what: 'integrity_check', expected: 'ok', found: fault }));
  const tables = [...new Set([...Object.keys(contents.rows), ...Object.keys(found.rows)])];
  const rows = tables.map((table) => [`rows of ${table}`, contents.rows[table], found.rows[table]] as const);
  const named = [
    ['page size', contents.pageBytes, found.pageBytes],
    ['pages', contents.pages, found.pages],
    ['user_version', contents.userVersion, found.userVersion],
    ['application_id', contents.applicationId, found.applicationId],
    ['rows that refer to none', contents.danglingRows, found.danglingRows],
    ...rows,
  ] as const;
  const differing = named.filter(([, expected, one]) => expected !== one);
  const words = (value: number | undefined) => (value === undefined ? 'no such table' : String(value));
  return [
    ...whole,
    ...differing.map(([what, expected, one]) => ({ what, expected: words(expected), found: words(one) })),
  ];
}
