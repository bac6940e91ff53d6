// The runbook is read at three in the morning: what an alarm names must be there, a mail must bring it along, and it must say all
// that it promises.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runbookModule } from '../../bin/runbook.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import {
  type AlarmId,
  alarmDescription,
  alarmWords,
  type FaultId,
  faultTitles,
} from '../../lib/mail/faults.ts';
import { composeMail, type Mail } from '../../lib/mail/mail.ts';
import { missingMail } from '../../lib/mail/recipients.ts';
import { runbookSections } from '../../lib/mail/runbook.ts';
import { together } from '../../lib/mail/together.ts';
import { withRunbook } from '../../lib/mail/with-runbook.ts';
import type { RestoreReport } from '../../lib/report/report.ts';
import { noticeMail } from '../../lib/restore-task/notices.ts';
import { notLaunchedMail } from '../../lib/restore-test/launch.ts';
import { restoreTestMail } from '../../lib/restore-test/mail.ts';
import { misdatedMail, noRetentionMail, orphanMail, overdueMail } from '../../lib/retention/mails.ts';
import { exampleId, exampleVerdictMail } from '../fixtures/manifests.ts';

const runbook = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'runbook.md'), 'utf8');
const sections = runbook
  .split(/^## /m)
  .slice(1)
  .map((text) => ({ title: text.slice(0, text.indexOf('\n')), text }));
const introductions = ['Who tells what', 'Before you begin'];
/** As GitHub makes them of headings. */
const anchors = sections.map(({ title }) =>
  title
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-'),
);
const ids = Object.keys(faultTitles) as FaultId[];

describe('docs/runbook.md', () => {
  it('has a section for every fault, in their order, and for nothing else', () => {
    expect(sections.map(({ title }) => title)).toEqual([
      ...introductions,
      ...ids.map((id) => faultTitles[id]),
    ]);
  });

  it.each(Object.keys(alarmWords) as AlarmId[])('is where the alarm of %s sends its reader', (id) => {
    expect(alarmDescription(id)).toMatch(`Then: docs/runbook.md, "${faultTitles[id]}".`);
  });

  it.each(sections.filter(({ title }) => !introductions.includes(title)))(
    '$title: says what it means, how urgent, where to look, how to mend, when it is over',
    ({ text }) => {
      const parts = ['**What it means.**', '**How urgent.**', '**Look.**', '**Mend.**', '**Over**'];
      const places = parts.map((part) => text.indexOf(part));
      expect(places.every((place) => place > 0)).toBe(true);
      expect(places).toEqual([...places].sort((one, other) => one - other));
    },
  );

  it('links no section that is not there', () => {
    const linked = [...runbook.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    expect(linked.length).toBeGreaterThan(10);
    expect(linked.filter((anchor) => !anchors.includes(anchor as string))).toEqual([]);
  });
});

describe('the sections that mails bring along', () => {
  it('are those of the page (npm run runbook makes them)', () => {
    const file = join(import.meta.dirname, '..', '..', 'lib', 'mail', 'runbook.ts');
    expect(readFileSync(file, 'utf8')).toBe(runbookModule());
  });

  it.each(ids)('%s: is plain text of 80 columns, but for commands, which are as on the page', (id) => {
    const lines = runbookSections[id].split('\n');
    const isCommand = (line: string) => /^ {4}/.test(line);
    const prose = lines.filter((line) => !isCommand(line));
    expect(prose.filter((line) => line.length > 80 && line.includes(' '))).toEqual([]);
    const outsideCode = prose.join(' ').replaceAll(/`[^`]*`/g, '');
    expect(outsideCode).not.toMatch(/[*#]|\]\(/);
    const onPage = sections.find(({ title }) => title === faultTitles[id])?.text.split('\n') ?? [];
    expect(lines.filter(isCommand)).toEqual(onPage.filter(isCommand));
  });

  it('come once each, however many mails go as one, after all that happened', () => {
    const mail = (id: FaultId, index: number) => composeMail(`[offsite] ${index}`, [`happened ${index}`], id);
    const mails = Array.from({ length: 40 }, (_, index) =>
      mail(index % 2 ? 'handlerFailed' : 'wrongClock', index),
    );
    const [one, ...others] = together(mails);
    expect(others).toEqual([]);
    const { text } = withRunbook(one as Mail);
    expect(titlesIn(text)).toEqual(['Wrong clock', 'Handler failed']);
    expect(text.indexOf('happened 39')).toBeLessThan(text.indexOf('==== Runbook'));
  });

  it('are within what SNS takes, also where a mail about everything is cut', () => {
    const all = composeMail('[offsite] all', ['long '.repeat(100_000)], ...ids);
    expect(Buffer.byteLength(withRunbook(all).text)).toBeLessThan(256 * 1024 - 1000);
  });
});

const titlesIn = (text: string) =>
  [...text.matchAll(/^==== Runbook: (.*) ====$/gm)].map(([, title]) => title);

describe('every mail about a fault', () => {
  const overdue = (subject: 'archive' | 'restore test') =>
    overdueMail('bitagent', [{ subject, ageHours: 50, never: false, limitHours: 26 }]);
  const error = new OffsiteError('NOTHING_INTACT', 'none', { expected: 'e', found: 'f', hint: 'h' });
  const orphan = {
    id: exampleId,
    standing: 'no manifest',
    datedAt: exampleId.takenAt,
    clockAheadMs: 0,
    compressedBytes: 1,
  } as const;
  const failed = {
    outcome: 'failed',
    format: 1,
    id: exampleId.id,
    source: exampleId.source,
    startedAt: '2026-11-23T05:00:00.000Z',
    durationMs: 1,
    toolVersion: '0.1.0',
    stages: [],
    comparisons: [],
    checks: [],
    failure: { code: 'X', message: 'm', expected: 'e', found: 'f', hint: 'h' },
  } as RestoreReport;
  const notice = (value: unknown) => noticeMail(value, 'OFFSITE_ARCHIVE_ID');
  const stopped = {
    'detail-type': 'ECS Task State Change',
    time: '2026-11-23T07:10:00Z',
    detail: { lastStatus: 'STOPPED', taskArn: 'arn', containers: [] },
  };
  const failure = {
    timestamp: '2026-11-23T03:20:00.000Z',
    requestContext: {
      functionArn: 'arn:aws:lambda:r:1:function:f',
      condition: 'c',
      approximateInvokeCount: 3,
    },
    requestPayload: {},
  };

  const missing = { confirmed: ['a'], missing: [{ name: 'b', why: 'not confirmed' as const }] };
  const execution = {
    'detail-type': 'Step Functions Execution Status Change',
    time: '2026-11-23T03:40:00Z',
    detail: { executionArn: 'arn', name: `${exampleId.id}-0123`, status: 'TIMED_OUT', error: null },
  };

  it.each<[FaultId, string, () => Mail | undefined]>([
    ['archiveNotIntact', 'damaged', () => exampleVerdictMail('damaged')],
    ['archiveNotIntact', 'incomplete', () => exampleVerdictMail('incomplete')],
    ['archiveNotIntact', 'missing', () => exampleVerdictMail('missing')],
    ['archiveSuspicious', 'suspicious', () => exampleVerdictMail('suspicious')],
    ['noFreshArchive', 'overdue', () => overdue('archive')],
    ['restoreTestOverdue', 'overdue', () => overdue('restore test')],
    [
      'retentionStandstill',
      'standstill',
      () => overdueMail('bitagent', [{ subject: 'retention', reason: 'x', since: new Date(0) }]),
    ],
    ['retentionStandstill', 'has not run', () => noRetentionMail(new Date(0), new Date())],
    ['wrongClock', 'ahead', () => misdatedMail('bitagent', { ...orphan, clockAheadMs: 86_400_000 })],
    ['wrongClock', 'behind', () => misdatedMail('bitagent', { ...orphan, clockAheadMs: -86_400_000 })],
    ['archiveWithoutManifest', 'orphan', () => orphanMail('bitagent', [orphan])],
    ['restoreTestLost', 'not launched', () => notLaunchedMail('bitagent', error)],
    ['restoreTestLost', 'task stopped', () => notice(stopped)?.mail],
    ['restoreTestFailed', 'report', () => restoreTestMail(failed)],
    ['handlerFailed', 'function failed', () => notice(failure)?.mail],
    ['handlerFailed', 'execution failed', () => notice(execution)?.mail],
    ['nobodyHears', 'one of several', () => missingMail(missing)],
    ['unknownNotice', 'unknown', () => notice({ surprise: true })?.mail],
  ])('brings %s along (%s), and no other, and names no page of the web', (fault, _, mail) => {
    const { text } = withRunbook(mail() as Mail);
    expect(titlesIn(text)).toEqual([faultTitles[fault]]);
    expect(text).toContain(runbookSections[fault]);
    expect(text).not.toContain('https://github.com');
  });

  it('is about each fault that a mail tells of', () => {
    expect(notice(stopped)?.mail.faults).toEqual(['restoreTestLost']);
    expect(notice(failure)?.mail.faults).toEqual(['handlerFailed']);
    expect(notice(execution)).toMatchObject({
      mail: {
        faults: ['handlerFailed'],
        subject: `[offsite] NOT VERIFIED: ${exampleId.id}, reading it in ranges TIMED_OUT`,
      },
    });
    expect(notice({ surprise: true })?.mail.faults).toEqual(['unknownNotice']);
  });
});

describe('a mail of the guard', () => {
  /** What only the cloud's own programs tell of. */
  const ofCloud = /^(nobody|handler|dead|unknown)/;

  it.each(ids.filter((id) => !ofCloud.test(id)))(
    '%s: says all of it without AWS, in commands that can be pasted',
    (id) => {
      const { text } = withRunbook({ subject: '', text: '', faults: [id] }, 'guard');
      expect(text.replaceAll(/AWS_ENDPOINT_URL\S+/g, '')).not.toMatch(
        /AWS|cdk|\baws (?!s3)|\$STACK|\$\((fn|out)|PolicyArn|CloudTrail|Fargate|^ *(now|logs) |`(now|logs) /m,
      );
      const inOneLine = text.replaceAll(/\s+/g, ' ');
      for (const part of ['What it means.', 'How urgent.', 'Look.', 'Mend.', 'Over'])
        expect(inOneLine).toMatch(new RegExp(`${part} (?!How|Look\\.|Mend|Over|Its)\\S`));
      const prose = text.split('\n').filter((line) => !/^ {4}/.test(line) && line.includes(' '));
      expect(prose.filter((line) => line.length > 80)).toEqual([]);
      expect(text.includes('$OFFSITE_BUCKET')).toBe(text.includes('export OFFSITE_CONFIG='));
    },
  );
});
