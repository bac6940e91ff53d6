import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../lib/archive/manifest.ts';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import { exampleId, exampleManifest } from '../fixtures/manifests.ts';

function refusal(change: Record<string, unknown>): OffsiteError {
  try {
    parseManifest(JSON.stringify({ ...exampleManifest, ...change }), exampleId);
  } catch (error) {
    return error as OffsiteError;
  }
  throw new Error('it was accepted');
}

describe('manifest', () => {
  it('reads what it writes', () => {
    expect(parseManifest(jsonText(exampleManifest), exampleId)).toEqual(exampleManifest);
  });

  it('says that a newer format needs a newer program, whatever else is in it', () => {
    const error = refusal({ format: 2, members: 'something new' });
    expect(error).toMatchObject({ code: 'MANIFEST_TOO_NEW', found: 'format 2', exitCode: 5 });
    expect(error.hint).toContain('update');
  });

  it.each([
    ['a missing field', { sha256: undefined }],
    ['an unknown field', { surprise: 1 }],
    ['a malformed sum', { sha256: 'xyz' }],
    ['another format', { format: 0 }],
    ['no members', { members: [] }],
    ['another archive’s id', { id: 'bitagent-2026-11-22-031500Z' }],
    ['another source', { source: 'other' }],
    [
      'members that leave a gap',
      { members: [exampleManifest.members[0], { ...exampleManifest.members[1], offset: 61 }] },
    ],
    ['members that do not add up', { compressedBytes: 101 }],
    ['plain bytes that do not add up', { plainBytes: 299 }],
    ['a time that is none', { startedAt: 'yesterday' }],
  ])('refuses %s', (_, change) => {
    expect(refusal(change).code).toBe('MANIFEST_INVALID');
  });

  it.each(['', 'null', '[]', '{', '"text"'])('refuses %j', (text) => {
    expect(() => parseManifest(text, parseArchiveId(exampleId.id))).toThrow(OffsiteError);
  });
});
