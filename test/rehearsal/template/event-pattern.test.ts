import { describe, expect, test } from 'vitest';
import { type EventPattern, matchesPattern } from '../../../lib/rehearsal/template/event-pattern.ts';

const event = {
  version: '0',
  source: 'aws.s3',
  'detail-type': 'Object Created',
  resources: ['arn:aws:s3:::one', 'arn:aws:s3:::two'],
  detail: {
    bucket: { name: 'one' },
    object: { key: 'archives/bitagent/bitagent-2026-11-23-031500Z.manifest.json', size: 812 },
    reason: 'PutObject',
    tags: [],
    containers: [
      { name: 'sidecar', exitCode: 0 },
      { name: 'restore-test', exitCode: 5 },
    ],
  },
};

const key = (matcher: unknown) => ({ detail: { object: { key: [matcher] } } }) as EventPattern;

describe('matchesPattern', () => {
  test.each([
    ['exact text', { source: ['aws.s3'] }],
    ['one of several', { source: ['aws.ecs', 'aws.s3'] }],
    ['several fields', { source: ['aws.s3'], 'detail-type': ['Object Created'] }],
    ['nested fields', { detail: { bucket: { name: ['one'] } } }],
    ['a number', { detail: { object: { size: [812] } } }],
    ['an element of a list', { resources: ['arn:aws:s3:::two'] }],
    ['a field of an element of a list', { detail: { containers: { exitCode: [5] } } }],
    ['a prefix', key({ prefix: 'archives/' })],
    ['a wildcard', key({ wildcard: 'archives/*/*.manifest.json' })],
    ['a wildcard at both ends', key({ wildcard: '*bitagent*' })],
    ['an empty pattern', {}],
  ])('matches %s', (_, pattern) => {
    expect(matchesPattern(pattern as EventPattern, event)).toBe(true);
  });

  test.each([
    ['another text', { source: ['aws.ecs'] }],
    ['one field of two', { source: ['aws.s3'], 'detail-type': ['Object Deleted'] }],
    ['a number as text', { detail: { object: { size: ['812'] } } }],
    ['a text in other case', { source: ['AWS.S3'] }],
    ['a field that is not there', { detail: { none: ['x'] } }],
    ['another prefix', key({ prefix: 'verdicts/' })],
    ['a prefix of a number', { detail: { object: { size: [{ prefix: '8' }] } } }],
    ['a wildcard whose dot is a dot', key({ wildcard: 'archives/*xmanifest.json' })],
    ['a wildcard with an escaped star', key({ wildcard: 'archives/\\*.manifest.json' })],
    ['an inherited property', { detail: { constructor: { name: ['Object'] } } }],
    ['an empty list', { detail: { tags: [''] } }],
    ['an empty list of alternatives', { source: [] }],
  ])('does not match %s', (_, pattern) => {
    expect(matchesPattern(pattern as EventPattern, event)).toBe(false);
  });

  test.each([
    { detail: { object: { size: [{ numeric: ['>', 0] }] } } },
    key({ 'anything-but': { cidr: '10.0.0.0/8' } }),
    key({ prefix: 'a', suffix: 'b' }),
    key({ suffix: '.manifest.json' }),
    { detail: { reason: [{ exists: true }] } },
    key({ prefix: { suffix: 'x' } }),
  ])('refuses a matcher that it does not know: %j', (pattern) => {
    expect(() => matchesPattern(pattern as unknown as EventPattern, event)).toThrow(/does not know/);
  });
});
