import { describe, expect, test } from 'vitest';
import { OffsiteError } from '../../../lib/base/errors.ts';
import { createNarrator } from '../../../lib/rehearsal/stage/narrator.ts';
import { openBook } from '../../../lib/rehearsal/stage/story.ts';

function bookOnPaper() {
  let paper = '';
  const narrator = createNarrator((text) => {
    paper += text;
  }, false);
  return { ...openBook(narrator), narrator, paper: () => paper };
}

describe('a step', () => {
  test('that finds what it expects is as expected, with its figures', async () => {
    const { play, records, paper } = bookOnPaper();
    const result = await play('Back up', async (scene) => {
      scene.command('offsite backup');
      scene.say('It went well.');
      scene.check('ids', ['a', 'b'], ['a', 'b']);
      scene.figures({ bytes: 5 });
      scene.summarize('5 bytes');
      return 'an id';
    });
    expect(result).toBe('an id');
    expect(records).toMatchObject([
      { title: 'Back up', outcome: 'as expected', summary: '5 bytes', figures: { bytes: 5 }, faults: [] },
    ]);
    expect(paper()).toContain('$ offsite backup\n  It went well.\n  ✓ as expected');
  });

  test('that finds something else is not as expected, and the story goes on', async () => {
    const { play, records, paper } = bookOnPaper();
    await play('Verify', async (scene) => scene.check('verdict', 'intact', 'damaged'));
    await play('List', async () => {});
    expect(records).toMatchObject([
      { outcome: 'not as expected', faults: ['verdict: expected "intact", found "damaged"'] },
      { outcome: 'as expected' },
    ]);
    expect(paper()).toContain('  verdict: expected "intact", found "damaged"\n  ✗ not as expected');
  });

  test('that finds another list says only what differs', async () => {
    const { play, records } = bookOnPaper();
    await play('Expire', async (scene) => {
      scene.check('keys', ['a', 'b', 'c'], ['b', 'c', 'd']);
      scene.check('order', [1, 2], [2, 1]);
    });
    expect(records[0]?.faults).toEqual([
      'keys: missing ["a"], not expected ["d"]',
      'order: in another order: [2,1]',
    ]);
  });

  test('that fails ends the story: what comes after is not played', async () => {
    const { play, records, paper } = bookOnPaper();
    await play('Back up', async () => {
      throw new OffsiteError('BUCKET_MISSING', 'uploading failed', {
        expected: 'the bucket to exist',
        found: 'NoSuchBucket',
        hint: 'make it',
      });
    });
    let played = false;
    await play('Verify', async () => {
      played = true;
    });
    expect(played).toBe(false);
    expect(records.map(({ outcome }) => outcome)).toEqual(['not as expected', 'not reached']);
    expect(records[0]?.faults[0]).toContain('[BUCKET_MISSING]');
    expect(paper()).toContain('found     NoSuchBucket');
    expect(paper()).not.toContain('Verify');
  });
});

describe('the table', () => {
  const row = { title: 'Back up', outcome: 'as expected', durationMs: 1200, summary: '5 bytes' } as const;

  test('says in one line that all is well', () => {
    const { narrator, paper } = bookOnPaper();
    narrator.table([row, { ...row, title: 'Verify' }], 2400);
    expect(paper()).toBe(
      `
 1  Back up ✓    1.2 s  5 bytes
 2  Verify  ✓    1.2 s  5 bytes

All 2 steps as expected, 2.4 s.
`,
    );
  });

  test('says how many steps are not, the unreached among them', () => {
    const { narrator, paper } = bookOnPaper();
    const bad = { ...row, outcome: 'not as expected' } as const;
    narrator.table([row, bad, { ...row, outcome: 'not reached', summary: '' }], 2400);
    expect(paper()).toContain(' 3  Back up ·\n');
    expect(paper()).toContain('2 of 3 steps NOT as expected, 2.4 s.');
  });

  test('is coloured only where asked', () => {
    let painted = '';
    createNarrator((text) => {
      painted += text;
    }, true).table([row], 1);
    expect(painted).toContain('\x1b[32m✓');
    const { narrator, paper } = bookOnPaper();
    narrator.table([row], 1);
    expect(paper()).not.toContain('\x1b');
  });
});
