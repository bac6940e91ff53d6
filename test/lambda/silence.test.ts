// Silence is an alarm, whatever is paid for: the same faults in both modes of `monitoring`, with the handlers and a store
// that are real, and the alarms as the template has them. Only CloudWatch is a stand-in: what it does with missing figures is
// written down below, from its documentation.

import { CreateTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { handler as expire } from '../../lambda/expire.ts';
import { handler as report } from '../../lambda/report.ts';
import { handler as verify } from '../../lambda/verify.ts';
import { handler as watch } from '../../lambda/watch.ts';
import { archiveKeys } from '../../lib/archive/names.ts';
import { OffsiteArchive } from '../../lib/stack/offsite-archive.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveOf, smallDump, verifiedArchive } from '../fixtures/archives.ts';
import { type Figure, printedFigures } from '../fixtures/figures.ts';
import { setHandlerSettings } from '../fixtures/handler-settings.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';

const context = { awsRequestId: 'r', functionName: 'f' } as Context;
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);

let aws: LocalAws;
let store: ArchiveStore;

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
});
afterAll(() => aws.stop());

describe.each(['lean', 'full'] as const)('with monitoring %s', (monitoring) => {
  let told: number;
  /** But for what these archives' dates bring: they were all stored just now. */
  const subjects = async () =>
    (await aws.mails())
      .slice(told)
      .map(({ subject }) => subject)
      .filter((subject) => !subject.includes('strange object'));

  beforeAll(() => {
    setHandlerSettings(aws.bucket, aws.topicArn, {
      OFFSITE_SERVICE: 'Vault',
      OFFSITE_SOURCES: 'well,ill',
      OFFSITE_MONITORING: monitoring,
    });
  });
  beforeEach(async () => {
    for (const prefix of ['archives/', 'verdicts/', 'watch/']) {
      for await (const { key } of store.list(prefix)) await store.delete(key);
    }
    await verifiedArchive(store, 'well', hoursAgo(3));
    told = (await aws.mails()).length;
  });

  it('no archive comes: the mail names the source, and another when it is over', async () => {
    await verifiedArchive(store, 'ill', hoursAgo(30));
    const figures = await printedFigures(() => watch({}, context));
    await watch({}, context);
    expect(await subjects()).toEqual(['[offsite] NO FRESH ARCHIVE: ill, newest is 30 h old']);
    await verifiedArchive(store, 'ill', hoursAgo(1));
    const later = await printedFigures(() => watch({}, context));
    expect((await subjects()).slice(1)).toEqual(['[offsite] Well again: ill']);
    if (monitoring === 'full') {
      expect(stateOf('no-fresh-archive', [figures])).toBe('ALARM');
      expect(stateOf('no-fresh-archive', [later])).toBe('OK');
    } else {
      expect([...figures, ...later]).toEqual([]);
    }
  });

  it('retention stands still: the mail names the source', async () => {
    for (const days of [3, 4, 5, 20]) await verifiedArchive(store, 'ill', hoursAgo(days * 24 + 1));
    const figures = await printedFigures(() => expire({}, context));
    await watch({}, context);
    const [mail] = (await aws.mails()).slice(told);
    expect(mail?.subject).toContain(': ill');
    expect(mail?.text).toContain('No archive of ill is expired');
    if (monitoring === 'full') expect(stateOf('retention-standstill', [figures])).toBe('ALARM');
    else expect(figures).toEqual([]);
  });

  it('retention does not run', async () => {
    await store.write(
      'watch/run/expire.json',
      JSON.stringify({ format: 1, endedAt: hoursAgo(50).toISOString() }),
    );
    await watch({}, context);
    expect(await subjects()).toContain('[offsite] Retention has not run for 2.1 days');
  });

  it('no restore test comes', async () => {
    const firstSeenAt = hoursAgo(2500).toISOString();
    await store.write('watch/well.json', JSON.stringify({ firstSeenAt }));
    await watch({}, context);
    expect(await subjects()).toContain('[offsite] Restore test overdue: well');
  });

  it('an archive is damaged', async () => {
    const manifest = await archiveOf(store, 'ill', hoursAgo(1), smallDump(5));
    const keys = archiveKeys(manifest);
    await store.write(keys.archive, 'other bytes');
    const detail = { bucket: { name: aws.bucket }, object: { key: keys.manifest } };
    await verify({ 'detail-type': 'Object Created', detail }, context);
    expect(await subjects()).toEqual([expect.stringContaining(manifest.id)]);
  });

  it('a function fails for good', async () => {
    const functionArn = 'arn:aws:lambda:r:1:function:watch';
    const requestContext = { functionArn, condition: 'RetriesExhausted', approximateInvokeCount: 3 };
    await report({ timestamp: hoursAgo(0).toISOString(), requestContext, requestPayload: {} }, context);
    expect(await subjects()).toHaveLength(1);
  });

  it('nobody hears: watch fails, and its errors are an alarm until somebody does', async () => {
    const { TopicArn } = await new SNSClient({}).send(new CreateTopicCommand({ Name: `deaf-${monitoring}` }));
    process.env.OFFSITE_TOPIC_ARN = TopicArn;
    await expect(watch({}, context)).rejects.toMatchObject({ code: 'NOBODY_HEARS' });
    process.env.OFFSITE_TOPIC_ARN = aws.topicArn;
    await watch({}, context);
    const failed: Figure = { name: 'Errors', unit: 'Count', value: 3, dimensions: {} };
    expect(stateOf('nobody-hears', [[failed], [failed]])).toBe('ALARM');
    expect(stateOf('nobody-hears', [[failed], []])).toBe('OK');
  });

  it('nobody looks, because the clock, the function or the account does not let anybody', () => {
    const called: Figure = { name: 'Invocations', unit: 'Count', value: 1, dimensions: {} };
    expect(stateOf('nobody-looks', [[called], [called]])).toBe('OK');
    expect(stateOf('nobody-looks', [[], [called]])).toBe('OK');
    expect(stateOf('nobody-looks', [[], []])).toBe('ALARM');
  });

  const alarms = alarmsOf(monitoring);

  /**
   * The state of an alarm after such periods.
   *
   * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
   */
  function stateOf(slug: string, periods: readonly (readonly Figure[])[]): 'ALARM' | 'OK' {
    const alarm = alarms[`Vault-${slug}`];
    if (alarm === undefined) throw new Error(`there is no alarm ${slug}`);
    const isOver = (value: number) =>
      alarm.ComparisonOperator === 'LessThanThreshold' ? value < alarm.Threshold : value > alarm.Threshold;
    const breaching = periods.slice(-alarm.EvaluationPeriods).filter((figures) => {
      const values = figures
        .filter(({ name, dimensions }) => name === alarm.MetricName && dimensions.source === undefined)
        .map(({ value }) => value);
      return values.length === 0 ? alarm.TreatMissingData === 'breaching' : isOver(Math.max(...values));
    });
    return breaching.length >= (alarm.DatapointsToAlarm ?? alarm.EvaluationPeriods) ? 'ALARM' : 'OK';
  }
});

type Alarm = {
  AlarmName: string;
  MetricName: string;
  Threshold: number;
  ComparisonOperator: string;
  EvaluationPeriods: number;
  DatapointsToAlarm?: number;
  TreatMissingData: string;
};

function alarmsOf(monitoring: 'lean' | 'full'): Record<string, Alarm> {
  const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Vault');
  new OffsiteArchive(stack, 'Default', { email: 'op@example.com', sources: ['well', 'ill'], monitoring });
  const found = Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm');
  return Object.fromEntries(
    Object.values(found).map(({ Properties }) => [Properties.AlarmName, Properties as Alarm]),
  );
}
