import { describe, expect, it } from 'vitest';
import { OffsiteError } from '../../lib/base/errors.ts';
import { type Check, describeDiagnosis, diagnosisExitCode, failedCheck } from '../../lib/doctor/diagnosis.ts';

const pass: Check = { name: 'pg_dump', outcome: 'pass', found: 'pg_dump 16.4' };
const warn: Check = {
  name: 'compressor',
  outcome: 'warn',
  found: 'only Node',
  advice: `install igzip (Debian, Ubuntu: apt-get install isal), and the back-up is about 1.7 times as fast as it is`,
};
const fail = failedCheck(
  'database',
  new OffsiteError('DATABASE_UNREACHABLE', 'the server does not answer', {
    expected: 'an answer',
    found: 'connection refused\nby 127.0.0.1',
    hint: 'start it',
  }),
);

describe('diagnosis', () => {
  it("exits with 0, or with the first failure's own code", () => {
    expect(diagnosisExitCode([])).toBe(0);
    expect(diagnosisExitCode([pass, warn])).toBe(0);
    expect(diagnosisExitCode([pass, warn, fail, { ...fail, exitCode: 4 }])).toBe(3);
    expect(diagnosisExitCode([{ ...pass, outcome: 'fail' }])).toBe(1);
  });

  it('heads each line with the outcome, wraps at 80 columns, and puts what to do below', () => {
    const text = describeDiagnosis([pass, warn, fail]);
    expect(text).toBe(`ok    pg_dump     pg_dump 16.4
warn  compressor  only Node
                  > install igzip (Debian, Ubuntu: apt-get install isal), and
                    the back-up is about 1.7 times as fast as it is
FAIL  database    the server does not answer: connection refused
                  by 127.0.0.1
                  > start it

1 of 3 checks failed, 1 warning: a back-up would not succeed.
`);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('says once what several checks fail for', () => {
    const text = describeDiagnosis([fail, { ...fail, name: 'rights' }]);
    expect(text.match(/> .*/g)).toEqual(['> start it', '> as at database']);
  });

  it('sums up', () => {
    expect(describeDiagnosis([pass])).toMatch(/\n\n1 check, none failed: ready to back up\.\n$/);
    expect(describeDiagnosis([pass, warn, warn])).toMatch(/3 checks, none failed, 2 warnings: ready/);
  });
});
