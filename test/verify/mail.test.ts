import { describe, expect, it } from 'vitest';
import { verdictSchema } from '../../lib/archive/verdict.ts';
import { verdictMail } from '../../lib/verify/mail.ts';
import { exampleId } from '../fixtures/manifests.ts';

describe('verdictMail', () => {
  it('says outcome, archive, what was expected and found, and what to do', () => {
    const verdict = verdictSchema.parse({
      verdict: 'damaged',
      format: 1,
      id: exampleId.id,
      source: exampleId.source,
      versionId: null,
      etag: 'x',
      verifiedAt: '2026-11-23T03:17:00.000Z',
      durationMs: 10,
      toolVersion: '0.1.0',
      compressedBytes: 100,
      plainBytes: 0,
      deviations: [{ what: 'sha256', expected: 'aaa', found: 'bbb' }],
    });
    if (verdict.verdict === 'intact') throw new Error('unreachable');
    const mail = verdictMail(verdict);
    expect(mail.subject).toBe('[offsite] DAMAGED archive: bitagent-2026-11-23-031500Z');
    expect(mail.text).toContain('expected  aaa');
    expect(mail.text).toContain('found     bbb');
    expect(mail.text).toContain('What to do: Back up again now');
  });
});
