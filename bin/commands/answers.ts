// What each command answers with --json, made into docs/answers.schema.json. The commands take nothing but the types of it: their answers are
// held against the shapes by the compiler, and by the tests, which read what the program printed.

import * as z from 'zod';
import { byteVerdictSchema } from '../../lib/archive/byte-verdict.ts';
import { inventorySchema } from '../../lib/archive/inventory.ts';
import { deviationSchema } from '../../lib/archive/verdict.ts';
import { alertTestAnswerSchema } from '../../lib/mail/alert-test.ts';
import { restoreReportSchema } from '../../lib/report/report.ts';
import { archiveFiguresSchema } from '../../lib/settings/agent-state.ts';
import { count, instant, logAnswers, lsn, standing, text, texts, verdicts, window } from './log-answers.ts';

const deviations = z.array(deviationSchema);
const judged = z.array(
  z.strictObject({ id: text, isSidecar: z.boolean(), verdict: z.enum(verdicts), isNew: z.boolean() }),
);

const sightings = z.array(z.looseObject({ source: text, newestIntactAgeHours: z.number() }));

const check = z.strictObject({
  name: text,
  outcome: z.enum(['pass', 'warn', 'fail']),
  found: text,
  advice: text.optional().describe('What to do'),
});

const examined = z.strictObject({ ready: z.boolean(), checks: z.array(check) });

const archive = z.strictObject({
  kind: z.enum(['database', 'sidecar']),
  id: text,
  source: text,
  takenAt: instant.describe("By the host's clock"),
  datedAt: instant.describe("By which it counts: the store's where the host's clock was wrong"),
  clockAheadMs: z.number().describe('0 where the clock was right'),
  ageHours: z.number(),
  compressedBytes: count,
  verdict: standing,
  latest: z.boolean().describe("Whether it is what 'latest' means: the newest that is intact"),
  torrents: count.nullable(),
  lastReadAt: instant.nullable(),
  restoreTest: z.strictObject({ outcome: z.enum(['passed', 'failed']), startedAt: instant }).nullable(),
  staysAs: texts.nullable().describe('Why retention keeps it; null before its first run'),
});

const decision = z.strictObject({
  id: text,
  standing,
  ageHours: z.number(),
  reasons: texts,
  staysLonger: z.literal(true).optional(),
});

const plans = z.array(
  z.strictObject({
    source: text,
    kind: z.enum(['database', 'sidecar', 'base backup']),
    decidedAt: instant,
    standstill: text.optional(),
    keep: z.array(decision),
    expire: z.array(decision),
    readings: z.array(z.strictObject({ id: text, reason: text })).describe('Read again'),
    log: z
      .array(
        z.strictObject({
          systemIdentifier: text,
          files: count,
          expired: count,
          from: text.optional().describe('The oldest that goes'),
          to: text.optional().describe('The newest that goes'),
        }),
      )
      .optional()
      .describe('Of the write-ahead log, with base backups'),
  }),
);

const costLine = z.strictObject({ what: text, basis: text, cents: count });

const taken = z.strictObject({
  ...{ id: text, source: text, plainBytes: count, compressedBytes: count, sha256: text },
  serverVersion: text.optional(),
  pgDumpVersion: text.optional(),
  durationMs: z.number(),
  bytesPerSecond: z.number().describe('Of the plain dump'),
  previous: archiveFiguresSchema.nullable().describe('The last archive of this source by this host'),
  verdict: z.literal('intact').optional().describe('With --before-upgrade'),
  heldUntil: instant.optional().describe('With --before-upgrade'),
  warnings: texts.optional(),
});

const notTaken = z.strictObject({
  id: text,
  step: z.enum(['PATCH', 'MINOR', 'MAJOR']),
  taken: z.literal(false),
  verdict: z.literal('intact'),
  heldUntil: instant,
});

export const answers = {
  accept: z.strictObject({ id: text, already: z.boolean(), deviations, youngerSuspicious: texts }),
  'alert-test': alertTestAnswerSchema,
  backup: taken,
  // Where a nightly archive is enough.
  'backup --before-upgrade': notTaken,
  config: z.strictObject({
    file: text.nullable(),
    sources: z.array(z.record(text, z.strictObject({ value: text, from: text }))),
  }),
  doctor: examined,
  estimate: z.strictObject({
    input: z.looseObject({ compressedBytes: count, plainBytes: count }),
    pricedLike: text,
    pricesAsOf: text,
    priceSource: text,
    currency: z.literal('USD'),
    lines: z.array(costLine),
    totalCents: count,
    full: z.strictObject({ lines: z.array(costLine), totalCents: count }),
    fetchOnce: costLine,
  }),
  expire: z.strictObject({ dryRun: z.boolean(), plans }),
  fetch: z.strictObject({
    id: text,
    output: text,
    compressedBytes: count,
    resumedAtBytes: count,
    sha256: text,
    durationMs: z.number(),
  }),
  guard: z.strictObject({
    ...{ verdicts: judged, plans, sightings },
    restoreTests: z.array(z.strictObject({ id: text, outcome: z.enum(['passed', 'failed']) })),
    failure: z
      .strictObject({ code: text, message: text })
      .nullable()
      .describe('Why it did not begin, or the first step that failed; the exit code is by it'),
  }),
  'guard --check': examined,
  import: z.array(
    z.strictObject({
      file: text,
      outcome: z.enum(['imported', 'already there', 'would be imported']),
      id: text,
    }),
  ),
  list: z.array(z.union([archive, z.strictObject({ kind: z.literal('base backup'), ...window })])),
  recover: z.strictObject({
    well: z.boolean(),
    archive: text.optional(),
    steps: z.array(z.strictObject({ name: text, does: text, proof: text.optional() })).optional(),
    checks: z.array(check),
    byHand: texts.optional().describe('What only a person can do'),
  }),
  report: z.intersection(z.object({ key: text }), restoreReportSchema),
  restore: z.strictObject({
    id: text.nullable().describe('null of a file without a manifest'),
    database: text,
    before: text.optional().describe('What was there is kept under this name'),
    torrents: count.nullable(),
    torrentsInArchive: count.nullable(),
    sessions: count,
    durationMs: z.number(),
  }),
  'restore --to-…': z.strictObject({
    baseBackup: text,
    folder: text,
    tablespaces: z
      .array(z.strictObject({ oid: count, location: text, folder: text }))
      .optional()
      .describe('Where each was, and is'),
    lsn: lsn.optional(),
    lastTransactionAt: text.nullable(),
    timeline: count.optional(),
    durationMs: z.number(),
  }),
  'restore-test': restoreReportSchema,
  'sidecar backup': z.strictObject({
    ...{ id: text, plainBytes: count, compressedBytes: count, sha256: text },
    rows: z.record(text, count),
  }),
  'sidecar verify': byteVerdictSchema,
  'sidecar restore': z.strictObject({
    id: text,
    path: text,
    before: text.nullable(),
    rows: z.record(text, count),
  }),
  undo: z.strictObject({
    id: text,
    broughtBack: texts,
    heldUntil: instant,
    wouldHaveGoneAt: instant.nullable(),
  }),
  'undo (without an archive)': z.array(
    z.strictObject({ id: text, deletedAt: instant, compressedBytes: count, livesUntil: instant.nullable() }),
  ),
  // Of an archive, with all else that its verdict says.
  verify: z.looseObject({
    name: text,
    ...{ verdict: z.enum(verdicts), compressedBytes: count, plainBytes: count },
    deviations: deviations.optional(),
    inventory: inventorySchema.optional(),
  }),
  'verify --record': judged,
  ...logAnswers,
  watch: z.strictObject({
    sightings,
    strangeCount: count,
  }),
};

/** An answer as a command gives it, before it is written: nothing in it is changed, and a date becomes its text. */
type Given<T> = T extends string ? T | Date : T extends object ? { readonly [K in keyof T]: Given<T[K]> } : T;

export type Answers = { readonly [C in keyof typeof answers]: Given<z.input<(typeof answers)[C]>> };
