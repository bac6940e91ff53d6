// What the agent remembers: no id twice, and a comparison. A state that is no state is nothing, never an error.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { archiveIdAt } from '../../lib/archive/names.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import {
  type ArchiveFigures,
  compareWithPrevious,
  nextDate,
  noteId,
  parseAgentState,
} from '../../lib/settings/agent-state.ts';

const lastId = 'bitagent-2026-11-22-031500Z';
const previous: ArchiveFigures = {
  id: lastId,
  plainBytes: 1_000_000,
  compressedBytes: 250_000,
  durationMs: 60_000,
};

describe('the state', () => {
  it('reads what it wrote', () => {
    const state = noteId(undefined, lastId, previous);
    expect(parseAgentState(jsonText(state), 'bitagent')).toEqual(state);
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '{"format":1}',
    '{"format":2,"lastId":"bitagent-2026-11-22-031500Z"}',
    '{"format":1,"lastId":"bitagent-2026-02-30-031500Z"}',
    '{"format":1,"lastId":"bitagent-2026-11-22-031500Z","archive":{"id":"x","plainBytes":-1}}',
    '\0\0\0\0',
  ])('%j is none', (text) => expect(parseAgentState(text, 'bitagent')).toBeUndefined());

  it('is none if it is that of another source, and any text is a state or none', () => {
    expect(parseAgentState(jsonText(noteId(undefined, lastId)), 'other')).toBeUndefined();
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        parseAgentState(text, 'bitagent');
      }),
    );
  });

  it('keeps the later id and the last archive, in whatever order two runs end', () => {
    const other = 'bitagent-2026-11-22-031501Z';
    expect(noteId(noteId(undefined, other), lastId, previous)).toEqual({
      format: 1,
      lastId: other,
      archive: previous,
    });
    expect(noteId(noteId(undefined, lastId, previous), other)).toMatchObject({
      lastId: other,
      archive: previous,
    });
  });
});

describe('the next date', () => {
  const at = (now: string) => nextDate(noteId(undefined, lastId), new Date(now), '/state/bitagent.json');

  it('is free without a state', () => {
    expect(nextDate(undefined, new Date('2026-11-22T03:15:00Z'), '')).toEqual({ notBefore: undefined });
  });

  it('is a second after the last, said aloud only if the clock is behind it', () => {
    const notBefore = new Date('2026-11-22T03:15:01Z');
    expect(at('2026-11-22T03:15:00.400Z')).toEqual({ notBefore });
    expect(at('2026-11-23T03:15:00Z')).toEqual({ notBefore });
    expect(at('2026-11-22T03:14:00Z')).toEqual({ notBefore });
    expect(at('2026-11-22T03:13:59Z').warning).toContain('the clock went back');
    const back = at('2026-11-22T01:15:00Z');
    expect(back.notBefore).toEqual(notBefore);
    expect(back.warning).toContain('the clock went back: it is 2.0 h behind bitagent-2026-11-22-031500Z');
    expect(back.warning).toContain('/state/bitagent.json');
  });

  it('never gives an id twice, wherever the clock jumps', () => {
    const clocks = fc.array(
      fc.date({ min: new Date('2000-01-01'), max: new Date('2099-01-01'), noInvalidDate: true }),
      {
        maxLength: 30,
      },
    );
    fc.assert(
      fc.property(clocks, (times) => {
        let state: ReturnType<typeof noteId> | undefined;
        const ids = times.map((now) => {
          const { notBefore } = nextDate(state, now, '');
          const { id } = archiveIdAt('bitagent', notBefore && notBefore > now ? notBefore : now);
          state = noteId(state, id);
          return id;
        });
        expect(ids).toEqual([...new Set(ids)].sort());
      }),
    );
  });
});

describe('the comparison', () => {
  const compare = (change: Partial<ArchiveFigures>) =>
    compareWithPrevious(previous, { ...previous, id: 'bitagent-2026-11-23-031500Z', ...change });

  it.each<[Partial<ArchiveFigures>, string]>([
    [{ plainBytes: 1_021_000, durationMs: 72_000 }, '+2.1 % bytes, 12.0 s longer'],
    [{ plainBytes: 979_000, durationMs: 48_000 }, '-2.1 % bytes, 12.0 s shorter'],
    [{}, 'same bytes, same duration'],
    [{ plainBytes: 1_000_100 }, '+0.0 % bytes, same duration'],
    [{ plainBytes: 30_000_000, durationMs: 3_000_000 }, '+2900 % bytes, 49 min 0 s longer'],
  ])('%j is %s', (change, text) => {
    expect(compare(change)).toEqual({
      text: `${text} than ${lastId}`.replace('duration than', 'duration as'),
    });
  });

  it('makes a halved dump stand out', () => {
    expect(compare({ plainBytes: 600_000 }).warning).toBeUndefined();
    expect(compare({ plainBytes: 495_000 }).warning).toContain(`only 50 % of the bytes of ${lastId}`);
    expect(compare({ plainBytes: 1000 }).warning).toContain('only 0 % of the bytes');
  });
});
