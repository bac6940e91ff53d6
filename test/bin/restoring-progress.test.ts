// What is said of a restore that makes its indexes: how many, how long they will take, and which one now.

import { expect, it } from 'vitest';
import { restoreWords } from '../../bin/commands/reading-progress.ts';
import { heldWords } from '../../bin/commands/restore.ts';
import { buildingWords } from '../../bin/commands/restoring-progress.ts';
import { terminalLine } from '../../lib/backup/progress.ts';

const minuteMs = 60_000;
const build = (share: number, made = 12) => ({ name: 'torrents_name_idx', made, known: 99, share });

it.each([
  ['nothing is made', 0, 0, 0, ''],
  ['too little is', 0.01, minuteMs, 0, ''],
  ['a quarter is', 0.25, minuteMs, 0, ', about 3 min left'],
  ['a quarter was, some time ago', 0.25, minuteMs, minuteMs, ', about 2 min left'],
  ['it takes longer than was thought', 0.25, minuteMs, 10 * minuteMs, ''],
  ['half is, of hours', 0.5, 150 * minuteMs, 0, ', about 2 h 30 min left'],
  ['nearly all is', 0.9, minuteMs, 0, ', about 7 s left'],
])('where %s', (_, share, tookMs, sinceMs, left) => {
  const words = buildingWords(build(share), tookMs, sinceMs);
  expect(words).toBe(`indexes and keys: 12 of 99${left}, now torrents_name_idx`);
});

it('a name that is too long for the line takes nothing of its rest', () => {
  const ended = buildingWords({ ...build(0.25), name: 'n'.repeat(63) }, minuteMs, 0);
  const reading = { elapsedMs: 3_723_000, plainBytes: 4e9, bytesPerSecond: 0, dumpEnded: true };
  const line = terminalLine(reading, 80, { ...restoreWords, ended });
  expect(line).toMatch(
    /^3\.7 GiB read, indexes and keys: 12 of 99, about 3 min left, now n{5,}… {2}1:02:03$/,
  );
  expect(line.length).toBeLessThan(80);
});

it('what was not compared is not said to be there, nor to be missing', () => {
  const torrents = { what: 'public.torrents', counted: 'rows' as const, expected: 12, found: 12, same: true };
  expect(heldWords([])).toBe('not compared with the archive');
  expect(heldWords([{ ...torrents, what: 'public.wiki' }])).toBe('no table torrents');
  expect(heldWords([torrents])).toBe('12 torrents, as in the archive');
});
