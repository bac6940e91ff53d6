import { describe, expect, it } from 'vitest';
import { bitagentChecks } from '../../lib/restore-test/bitagent-checks.ts';
import { judgeCheck, parseChecks } from '../../lib/restore-test/checks.ts';

describe('parseChecks', () => {
  it('reads the shipped checks', () => {
    const checks = parseChecks(bitagentChecks, 'shipped');
    expect(checks).toHaveLength(22);
    expect(checks.filter(({ severity }) => severity === 'warn').map(({ name }) => name)).toEqual([
      'content_link',
    ]);
    expect(checks.find(({ name }) => name === 'trigger_enabled')?.needs).toEqual(['queue_announce_job']);
    expect(checks[0]).toMatchObject({
      name: 'torrents_count',
      sql: expect.stringMatching(/^SELECT \(count\(\*\) > 0/),
    });
  });

  it.each([
    ['', 'line 1: no check at all'],
    ['SELECT 1;\n-- check: a\nSELECT 1;', 'line 1: SQL before the first check'],
    ['-- check: a\nSELECT true, 1;\n-- check: a\nSELECT true, 1;', 'line 3: a second check a'],
    ['-- check: a\n\n-- nothing\n-- check: b\nSELECT 1', 'line 1: no SQL for a'],
    ['-- check: Not A Name\nSELECT 1', 'line 1: -- check: Not A Name'],
    ['-- Check: a\nSELECT 1', 'line 1: -- Check: a'],
    ['-- check: a, fails\nSELECT 1', 'line 1: -- check: a, fails'],
  ])('refuses %j', (text, found) => {
    expect(() => parseChecks(text, 'own.sql')).toThrow(
      expect.objectContaining({ code: 'CHECKS_INVALID', found }),
    );
  });
});

describe('judgeCheck', () => {
  const check = { name: 'a', severity: 'fail' as const, sql: '' };
  it.each([
    [[['t', 'fine']], 'pass', 'fine'],
    [[['f', 'bad']], 'fail', 'bad'],
    [[['warn', 'a\n  b']], 'warn', 'a b'],
    [[['fail', null]], 'fail', ''],
    [[[null, null]], 'fail', 'the answer NULL'],
    [[['42', '']], 'fail', 'the answer 42'],
    [[], 'fail', '0 rows of 0 columns: one row of two is an answer'],
    [
      [
        ['t', 'a'],
        ['t', 'b'],
      ],
      'fail',
      '2 rows of 2 columns: one row of two is an answer',
    ],
    [[['t']], 'fail', '1 row of 1 column: one row of two is an answer'],
  ])('%j is %s', (rows, outcome, detail) => {
    expect(judgeCheck(check, rows)).toEqual({ outcome, detail });
  });

  it('of a check that only warns is a warning', () => {
    expect(judgeCheck({ ...check, severity: 'warn' }, [['f', 'x']]).outcome).toBe('warn');
    expect(judgeCheck({ ...check, severity: 'warn' }, [['fail', 'x']]).outcome).toBe('fail');
  });
});
