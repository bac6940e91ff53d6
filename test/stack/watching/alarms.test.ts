// The alarms and the dashboard of the template: which fault each is about, when it goes off, whom it tells, and that it
// reads figures that somebody writes.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, describe, expect, test } from 'vitest';
import { metricNamespace, metrics } from '../../../lib/deployment/metrics.ts';
import { type FaultId, faults, runbookLink } from '../../../lib/mail/faults.ts';
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
  ComparisonOperator: string;
  EvaluationPeriods: number;
  DatapointsToAlarm: number;
  TreatMissingData: string;
  AlarmActions?: unknown[];
  OKActions?: unknown[];
  InsufficientDataActions?: unknown[];
};

/** Without bundles: it is not about the programs. */
function build(...ids: string[]) {
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
        sources: ['bitagent', 'attic'],
        freshnessHours: 30,
        restoreTestDays: 120,
      }),
  );
  const template = Template.fromStack(stack);
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(
    ({ Properties }) => Properties as Alarm,
  );
  const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
  return { stack, archives, template, alarms, dashboard: JSON.stringify(dashboard) };
}

const { stack, archives, template, alarms, dashboard } = build('Default');
const topicArn = stack.resolve(archives[0]?.topic.topicArn);

const faultOf = (alarm: Alarm) =>
  (Object.keys(faults) as FaultId[]).find((fault) => alarm.AlarmDescription.endsWith(runbookLink(fault)));

/** An alarm in a line: what it reads, when it goes off, and what missing figures are to it. */
function describeAlarm(alarm: Alarm): string {
  const { Namespace, MetricName, Statistic, Period, Threshold, TreatMissingData } = alarm;
  expect(alarm.ComparisonOperator).toBe('GreaterThanThreshold');
  const of = `${alarm.DatapointsToAlarm} of ${alarm.EvaluationPeriods}`;
  return `${alarm.AlarmName.replace('OffsiteStack-', '')}: ${Statistic} ${Namespace} ${MetricName} > ${Threshold}, ${of} of ${Period} s, missing ${TreatMissingData}`;
}

const functions = ['verify', 'read-range', 'join-ranges', 'expire', 'watch', 'launch-restore-test', 'report'];

describe('alarms', () => {
  test('are these', () => {
    const ofSource = (source: string) => [
      `no-fresh-archive-${source}: Maximum Offsite NewestIntactAgeHours > 30, 1 of 1 of 3600 s, missing breaching`,
      `restore-test-overdue-${source}: Maximum Offsite RestoreTestAgeHours > 2880, 1 of 1 of 3600 s, missing ignore`,
      `retention-standstill-${source}: Maximum Offsite RetentionStandsStill > 0, 1 of 1 of 86400 s, missing breaching`,
      `archive-not-intact-${source}: Maximum Offsite ArchivesNotIntact > 0, 1 of 1 of 3600 s, missing ignore`,
      `archive-suspicious-${source}: Maximum Offsite ArchivesSuspicious > 0, 1 of 1 of 3600 s, missing ignore`,
      `restore-test-failed-${source}: Maximum Offsite RestoreTestFailed > 0, 1 of 1 of 3600 s, missing ignore`,
    ];
    const ofFunction = (name: string) => [
      `handler-failed-${name}: Sum AWS/Lambda Errors > 0, 1 of 1 of 3600 s, missing notBreaching`,
      `handler-throttled-${name}: Sum AWS/Lambda Throttles > 0, 3 of 6 of 300 s, missing notBreaching`,
    ];
    expect(alarms.map(describeAlarm).sort()).toEqual(
      [
        ...['bitagent', 'attic'].flatMap(ofSource),
        ...functions.flatMap(ofFunction),
        'restore-test-lost: Sum Offsite RestoreTestsLost > 0, 1 of 1 of 86400 s, missing notBreaching',
        'dead-letters: Maximum AWS/SQS ApproximateNumberOfMessagesVisible > 0, 1 of 1 of 300 s, missing notBreaching',
      ].sort(),
    );
  });

  test('mail when what they tell of begins and is over, unless a mail of our own tells of it', () => {
    for (const alarm of alarms) {
      const fault = faultOf(alarm);
      const told = fault && faults[fault].toldBy === 'alarm' ? [topicArn] : undefined;
      expect([alarm.AlarmName, alarm.AlarmActions]).toEqual([alarm.AlarmName, told]);
      expect(alarm.OKActions).toEqual(told);
      expect(alarm.InsufficientDataActions).toBeUndefined();
    }
    const mailing = alarms.filter(({ AlarmActions }) => AlarmActions !== undefined);
    expect(new Set(mailing.map(faultOf))).toEqual(
      new Set([
        'noFreshArchive',
        'restoreTestOverdue',
        'retentionStandstill',
        'deadLetters',
        'handlerThrottled',
      ]),
    );
  });

  test('say whose fault it is, what it means, what to do first and where to read on', () => {
    const [alarm] = alarms.filter(({ AlarmName }) => AlarmName.endsWith('no-fresh-archive-bitagent'));
    expect(alarm?.AlarmDescription).toMatch(
      /^No fresh archive \(bitagent\)\. .* First: run 'offsite list'.* Runbook: https:.*#no-fresh-archive$/,
    );
    // CloudWatch's own limits.
    for (const { AlarmDescription, AlarmName } of alarms) {
      expect(AlarmDescription.length).toBeLessThanOrEqual(1024);
      expect(AlarmName.length).toBeLessThanOrEqual(255);
    }
  });

  test('there is one for every fault that is not told by a mail alone', () => {
    const mailAlone: FaultId[] = ['archiveWithoutManifest', 'wrongClock', 'unknownNotice'];
    expect(new Set(alarms.map(faultOf))).toEqual(
      new Set((Object.keys(faults) as FaultId[]).filter((fault) => !mailAlone.includes(fault))),
    );
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
});

describe('figures', () => {
  const names: string[] = Object.values(metrics).map(({ name }) => name);

  test('that alarms read are written by the handlers, with the dimensions that they write', () => {
    for (const { Namespace, MetricName, Dimensions, AlarmName } of alarms) {
      if (Namespace !== metricNamespace) continue;
      expect(names).toContain(MetricName);
      const source = ['bitagent', 'attic'].find((one) => AlarmName.endsWith(one));
      expect(Dimensions).toEqual([
        { Name: 'service', Value: 'OffsiteStack' },
        ...(source === undefined ? [] : [{ Name: 'source', Value: source }]),
      ]);
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
    const two = build('One', 'Other');
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
  const names = alarms.map(({ AlarmName }) => AlarmName);
  expect(names.filter((name) => !dashboard.includes(`:alarm:${name}\\"`))).toEqual([]);
  for (const name of ['BucketSizeBytes', 'NumberOfObjects', 'Invocations', 'Duration']) {
    expect(dashboard).toContain(name);
  }
});
