// What the commands of base backups and of the log answer with --json: a part of answers.ts.

import * as z from 'zod';

export const count = z.number().int().nonnegative();
export const instant = z.iso.datetime();
export const text = z.string();
export const texts = z.array(text);
export const lsn = text.describe('A position in the log, as Postgres writes it: 0/3000028');

export const verdicts = ['intact', 'damaged', 'incomplete', 'suspicious', 'missing'] as const;
export const standing = z
  .enum([...verdicts, 'accepted', 'unverified', 'verdict not read', 'no manifest'])
  .describe('Its verdict; or why there is none, or that the operator accepted it');

export const window = {
  id: text.describe('Of the base backup'),
  verdict: standing,
  systemIdentifier: text,
  from: instant,
  fromLsn: lsn.describe('Where the log ends that the base backup itself needs: points are from there on'),
  toLsn: lsn,
  timeline: count,
  log: z.enum(['whole', 'arriving', 'broken off']).describe('The exit code is 5 where one is broken off'),
  storedAt: instant.nullable().describe('When the last log that it leads to was stored'),
  missing: texts.describe('Segments that are not there though later ones are: the first of them'),
  missingCount: count,
  conflicting: texts.describe('Segments that are there with different bytes'),
  damaged: texts.describe('Segments that were read, and are not what was stored'),
  arriving: z
    .boolean()
    .describe(
      'What is missing may be on its way: a later segment, or the base backup, was stored minutes ago',
    ),
  beside: z
    .array(z.strictObject({ timeline: count, at: lsn, upTo: lsn }))
    .describe(
      'Timelines that go on beside the one which is followed, or are newer: where they part, and end',
    ),
};

export const logAnswers = {
  basebackup: z.strictObject({
    ...{ id: text, plainBytes: count, compressedBytes: count },
    ...{ startLsn: lsn, stopLsn: lsn, timeline: count, systemIdentifier: text },
    durationMs: z.number(),
  }),
  'wal push': z.strictObject({
    name: text,
    key: text,
    outcome: z.enum(['stored', 'there']),
    systemIdentifier: text,
    plainBytes: count,
  }),
  'wal ship': z.strictObject({
    shipped: count,
    plainBytes: count,
    failed: texts,
    backlog: z.strictObject({ files: count, bytes: count, since: instant.optional() }),
  }),
  'wal receive': z.strictObject({
    finished: count,
    begun: count,
    waiting: z.strictObject({ files: count, bytes: count, waitingMs: z.number() }),
    serverBytes: z.number().nullable().describe('What the server keeps until it is received'),
  }),
  'wal window': z.array(z.strictObject(window)),
};
