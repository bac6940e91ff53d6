// The alarms and the dashboard of the template: which fault each is about, when it goes off, whom it tells, and that it
// reads figures that somebody writes.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, describe, expect, test } from 'vitest';
import { metricNamespace, metrics } from '../../../lib/deployment/metrics.ts';
import { type FaultId, faultTitles } from '../../../lib/mail/faults.ts';
import { OffsiteArchive } from '../../../lib/stack/offsite-archive.ts';
import { projectRoot } from '../../fixtures/cdk.ts';

const outdir = mkdtempSync(join(tmpdir(), 'offsite-alarms-'));
afterAll(() => rmSync(outdir, { recursive: true, force: true }));

type Alarm = {
  AlarmName: string;
  AlarmDescription: string;
  Namespace: string;
  MetricName: string;
  Dimensions: { Name: string; Value: unknown }[];
  Statistic: string;
  Period: number;
  Threshold: number;
  ComparisonOperator: 'GreaterThanThreshold' | 'LessThanThreshold';
  EvaluationPeriods: number;
  DatapointsToAlarm?: number;
  TreatMissingData: string;
  AlarmActions?: unknown[];
  OKActions?: unknown[];
  InsufficientDataActions?: unknown[];
};

/** Without bundles: it is not about the programs. */
function build(monitoring: 'lean' | 'full', sources: number, ...ids: string[]) {
  const { context } = JSON.parse(readFileSync(join(projectRoot, 'cdk.json'), 'utf8'));
  const app = new App({
    context: { ...context, 'aws:cdk:bundling-stacks': [] },
    outdir: mkdtempSync(join(outdir, 'out-')),
  });
  const stack = new Stack(app, 'OffsiteStack');
  const archives = ids.map(
    (id) =>
      new OffsiteArchive(stack, id, {
        email: 'op@example.com',
        sources: Array.from({ length: sources }, (_, index) => `source-${index}`),
        freshnessHours: 30,
        restoreTestDays: 120,
        monitoring,
      }),
  );
  const template = Template.fromStack(stack);
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(
    ({ Properties }) => Properties as Alarm,
  );
  const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
  return { stack, archives, template, alarms, dashboard: dashboard && JSON.stringify(dashboard) };
}

const full = build('full', 2, 'Default');
const lean = build('lean', 2, 'Default');

const faultOf = (alarm: Alarm) =>
  (Object.keys(faultTitles) as FaultId[]).find((fault) =>
    alarm.AlarmDescription.endsWith(`"${faultTitles[fault]}".`),
  );

/** An alarm in a line: what it reads, when it goes off, and what missing figures are to it. */
function describeAlarm(alarm: Alarm): string {
  const { Namespace, MetricName, Statistic, Period, Threshold, TreatMissingData } = alarm;
  const sign = { GreaterThanThreshold: '>', LessThanThreshold: '<' }[alarm.ComparisonOperator];
  const of = `${alarm.DatapointsToAlarm ?? alarm.EvaluationPeriods} of ${alarm.EvaluationPeriods}`;
  return `${alarm.AlarmName.replace('OffsiteStack-', '')}: ${Statistic} ${Namespace} ${MetricName} ${sign} ${Threshold}, ${of} of ${Period} s, missing ${TreatMissingData}`;
}

const ofAny = [
  'nobody-looks: Sum AWS/Lambda Invocations < 1, 2 of 2 of 3600 s, missing breaching',
  'nobody-hears: Sum AWS/Lambda Errors > 0, 2 of 2 of 3600 s, missing notBreaching',
  'dead-letters: Maximum AWS/SQS ApproximateNumberOfMessagesVisible > 0, 1 of 1 of 300 s, missing notBreaching',
  'handler-throttled: Sum AWS/Lambda Throttles > 0, 3 of 6 of 300 s, missing notBreaching',
];
const ofFigures = [
  'no-fresh-archive: Maximum Offsite NewestIntactAgeHours > 30, 1 of 1 of 3600 s, missing ignore',
  'restore-test-overdue: Maximum Offsite RestoreTestAgeHours > 2880, 1 of 1 of 3600 s, missing ignore',
  'retention-standstill: Maximum Offsite RetentionStandsStill > 0, 1 of 1 of 86400 s, missing ignore',
  'log-behind: Maximum Offsite NewestPointAgeHours > 1, 1 of 1 of 3600 s, missing ignore',
  'log-gap: Maximum Offsite SegmentsLacking > 0, 1 of 1 of 3600 s, missing ignore',
];

describe.each([
  ['lean', lean, ofAny],
  ['full', full, [...ofAny, ...ofFigures]],
] as const)('with monitoring %s, alarms', (monitoring, { stack, archives, template, alarms }, expected) => {
  const topicArn = stack.resolve(archives[0]?.topic.topicArn);

  test('are these', () => {
    expect(alarms.map(describeAlarm).sort()).toEqual([...expected].sort());
  });

  test('mail when what they tell of begins and is over, all of them', () => {
    for (const alarm of alarms) {
      expect([alarm.AlarmName, alarm.AlarmActions]).toEqual([alarm.AlarmName, [topicArn]]);
      expect(alarm.OKActions).toEqual([topicArn]);
      expect(alarm.InsufficientDataActions).toBeUndefined();
    }
  });

  test('say what it means, what to do first and where to read on', () => {
    const [alarm] = alarms.filter((one) => faultOf(one) === 'nobodyLooks');
    expect(alarm?.AlarmDescription).toMatch(
      /^Nobody looks\. .* First: see whether .* Then: docs\/runbook\.md, "Nobody looks"\.$/,
    );
    // CloudWatch's own limits.
    for (const { AlarmDescription, AlarmName } of alarms) {
      expect(AlarmDescription.length).toBeLessThanOrEqual(1024);
      expect(AlarmName.length).toBeLessThanOrEqual(255);
    }
  });

  test('of this account may publish to the topic, and no other service may', () => {
    const [policy] = Object.values(template.findResources('AWS::SNS::TopicPolicy'));
    const allowed = policy?.Properties.PolicyDocument.Statement.filter(
      ({ Effect }: { Effect: string }) => Effect === 'Allow',
    );
    expect(allowed).toMatchObject([
      {
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: topicArn,
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
      },
    ]);
    expect(JSON.stringify(allowed[0].Condition.ArnLike)).toContain(':alarm:*');
  });

  test('the handlers know whether they are to write figures', () => {
    const told = Object.values(template.findResources('AWS::Lambda::Function')).map(
      ({ Properties }) => Properties.Environment.Variables.OFFSITE_MONITORING,
    );
    expect(new Set(told)).toEqual(new Set([monitoring]));
  });

  test('are as many for 15 sources as for two', () => {
    const many = build(monitoring, 15, 'Default');
    expect(many.alarms.map(describeAlarm).sort()).toEqual([...expected].sort());
    expect(many.dashboard).toEqual(monitoring === 'full' ? full.dashboard : undefined);
  });
});

describe('figures', () => {
  const names: string[] = Object.values(metrics).map(({ name }) => name);
  const { alarms } = full;
  const dashboard = full.dashboard ?? '';

  test('are none with monitoring lean, and neither is there a dashboard', () => {
    expect(lean.alarms.filter(({ Namespace }) => Namespace === metricNamespace)).toEqual([]);
    expect(lean.dashboard).toBeUndefined();
  });

  test('that alarms read are written by the handlers, of no source: the worst of all', () => {
    for (const { Namespace, MetricName, Dimensions } of alarms) {
      if (Namespace !== metricNamespace) continue;
      expect(names).toContain(MetricName);
      expect(Dimensions).toEqual([{ Name: 'service', Value: 'OffsiteStack' }]);
    }
  });

  test('that the dashboard searches are written, of these archives and no others', () => {
    const searches = [
      ...dashboard.matchAll(
        /SEARCH\('\{(.*?)\} MetricName=\\*"(\w+)\\*" service=\\*"(.*?)\\*"', '(\w+)', (\d+)\)/g,
      ),
    ];
    expect(searches.length).toBe(dashboard.split('SEARCH(').length - 1);
    for (const [, schema, name, service] of searches) {
      expect(schema).toBe('Offsite,service,source');
      expect(names).toContain(name);
      expect(service).toBe('OffsiteStack');
    }
    expect(searches.map(([, , name]) => name)).toEqual(
      expect.arrayContaining([
        'NewestIntactAgeHours',
        'PlainBytes',
        'CompressedBytes',
        'Rows',
        'Torrents',
        'VerifyDuration',
        'RestoreTestDuration',
        'ArchivesKept',
        'ArchivesExpired',
      ]),
    );
  });

  test('are read by an alarm or by the dashboard, all of them', () => {
    const read = new Set(alarms.map(({ MetricName }) => MetricName));
    expect(names.filter((name) => !read.has(name) && !dashboard.includes(name))).toEqual([]);
  });

  test('of two archives in one account are not taken for each other', () => {
    const two = build('full', 2, 'One', 'Other');
    const read = two.alarms.filter(({ MetricName }) => MetricName === 'NewestIntactAgeHours');
    const services = new Set(
      read.map(({ Dimensions }) => Dimensions.find(({ Name }) => Name === 'service')?.Value),
    );
    expect(services.size).toBe(2);
    expect(new Set(two.alarms.map(({ AlarmName }) => AlarmName)).size).toBe(2 * alarms.length);
    const told = Object.values(two.template.findResources('AWS::Lambda::Function')).map(
      ({ Properties }) => Properties.Environment.Variables.OFFSITE_SERVICE,
    );
    expect(new Set(told)).toEqual(services);
  });
});

test('the dashboard shows every alarm, what is stored, and what the functions take', () => {
  const dashboard = full.dashboard ?? '';
  const names = full.alarms.map(({ AlarmName }) => AlarmName);
  expect(names.filter((name) => !dashboard.includes(`:alarm:${name}\\"`))).toEqual([]);
  for (const name of ['BucketSizeBytes', 'NumberOfObjects', 'Invocations', 'Duration', 'Errors']) {
    expect(dashboard).toContain(name);
  }
});
