// The dashboard, with `monitoring: full`: the alarms, then how fresh, how large and how fast. Figures of sources are found
// by a search, so that it stays one page however many sources there are, and shows those too that nobody has named in the
// settings.

import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  MathExpression,
  Metric,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { type MetricId, metricDimensions, metricNamespace, metrics } from '../../deployment/metrics.ts';
import { type Alarms, figure } from './alarms.ts';

export type DashboardProps = {
  /** What these archives are called in CloudWatch. */
  readonly service: string;
  readonly bucket: Bucket;
  readonly alarms: Alarms;
  readonly functions: Readonly<Record<string, IFunction>>;
};

const columns = 24;
const night = Duration.days(1);
const hour = Duration.hours(1);

export function addDashboard(scope: Construct, id: string, props: DashboardProps): Dashboard {
  const { service, bucket, functions } = props;
  const graph = (title: string, left: IMetric[], right: IMetric[] = []): IWidget =>
    new GraphWidget({ title, left, right, width: columns / 3, height: 6 });
  const nightly = (...ids: MetricId[]) => ids.map((id) => searchSources(service, id, night));
  const hourly = (...ids: MetricId[]) => ids.map((id) => searchSources(service, id, hour));
  // By their names: moto, which stands in for CloudFormation in our tests, knows no other reference to an alarm.
  const alarms = props.alarms.names.map((name) => Alarm.fromAlarmName(scope, `${id}-${name}`, name));
  return new Dashboard(scope, id, {
    dashboardName: service,
    // Restore tests come once a quarter; a month shows the nights.
    defaultInterval: Duration.days(30),
    widgets: [
      [new AlarmStatusWidget({ title: 'Alarms', alarms, width: columns, height: 4 })],
      [
        graph('Newest intact archive: age in hours', hourly('newestIntactAge')),
        graph('Bytes a night: plain, and stored (right)', nightly('plainBytes'), nightly('compressedBytes')),
        graph('Rows a night: all, and torrents (right)', nightly('rows'), nightly('torrents')),
      ],
      [
        graph('Verifying: milliseconds', nightly('verifyDuration')),
        graph('Restore test: seconds (the measured RTO)', nightly('restoreTestDuration')),
        graph('Newest passed restore test: age in hours', hourly('restoreTestAge')),
      ],
      [
        graph('Verdicts a day', nightly('intact', 'damaged', 'incomplete', 'suspicious', 'missing')),
        graph('Archives: kept, and expired (right)', nightly('archivesKept'), nightly('archivesExpired')),
        graph('Stored, with all versions: bytes, and objects (right)', ...stored(bucket)),
      ],
      functionGraphs(functions, graph),
      [
        graph('Not as it should be', [
          // What mails tell, and for how long it stands.
          ...hourly('archivesNotIntact', 'archivesSuspicious', 'restoreTestFailed'),
          figure('restoreTestsLost', service, night, Stats.SUM),
          figure('recipientsConfirmed', service, night, Stats.MINIMUM),
        ]),
        graph(
          'Log: age of the newest point in hours (the measured RPO), and segments that lack (right)',
          hourly('newestPointAge'),
          hourly('segmentsLacking'),
        ),
        new TextWidget({
          markdown: 'What each alarm means and what to do: docs/runbook.md, the section of its name.',
          width: columns / 3,
          height: 6,
        }),
      ],
    ],
  });
}

type Functions = DashboardProps['functions'];

function functionGraphs(functions: Functions, graph: (title: string, left: IMetric[]) => IWidget): IWidget[] {
  const all = Object.entries(functions);
  return [
    graph(
      'Lambda: seconds a day',
      all.map(([name, fn]) => secondsOf(name, fn)),
    ),
    graph(
      'Lambda: calls a day',
      all.map(([label, fn]) => fn.metricInvocations({ period: night, label })),
    ),
    graph(
      'Lambda: failed calls a day',
      all.map(([label, fn]) => fn.metricErrors({ period: night, label })),
    ),
  ];
}

/** A figure of every source, in one line each. */
function searchSources(service: string, id: MetricId, period: Duration): MathExpression {
  const { name } = metrics[id];
  const schema = [metricNamespace, ...Object.keys(metricDimensions(service, 'any'))].join(',');
  // The counts of a day add up; of ages, sizes and durations the largest shows.
  const statistic = name.startsWith('Verdict') ? Stats.SUM : Stats.MAXIMUM;
  return new MathExpression({
    expression: `SEARCH('{${schema}} MetricName="${name}" service="${service}"', '${statistic}', ${period.toSeconds()})`,
    usingMetrics: {},
    label: name,
    period,
  });
}

function secondsOf(name: string, fn: IFunction): MathExpression {
  // Ids are the dashboard's, not the expression's.
  const id = `ms${name.replaceAll('-', '')}`;
  return new MathExpression({
    expression: `${id} / 1000`,
    usingMetrics: { [id]: fn.metricDuration({ period: night, statistic: Stats.SUM }) },
    label: name,
    period: night,
  });
}

/** Bytes, and objects. S3 itself counts once a day, noncurrent versions and all. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html */
function stored(bucket: Bucket): [Metric[], Metric[]] {
  const classes = ['StandardStorage', 'GlacierInstantRetrievalStorage'];
  return [
    classes.map((one) => ofBucket(bucket, 'BucketSizeBytes', one)),
    [ofBucket(bucket, 'NumberOfObjects', 'AllStorageTypes')],
  ];
}

function ofBucket(bucket: Bucket, metricName: string, storageType: string): Metric {
  return new Metric({
    namespace: 'AWS/S3',
    metricName,
    dimensionsMap: { BucketName: bucket.bucketName, StorageType: storageType },
    period: night,
    statistic: Stats.AVERAGE,
    label: storageType === 'AllStorageTypes' ? 'objects' : storageType,
  });
}
