// The alarms. Our own programs tell by mail what they see, with the source's name; an alarm tells what they might not live
// to tell: that nobody looks, that nobody hears, that no function may run, that an event could neither be handled nor told of.
// Those four read what AWS counts for nothing, and missing calls of `watch` are a fault: that is the dead man's switch, which works when
// none of our code runs. With `monitoring: full` five more say what stands, by the worst source's figure. There is one of
// each, however many sources there are, and none that tells nobody.

import { Aws, Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Deployment } from '../../deployment/deployment.ts';
import { type MetricId, metricDimensions, metricNamespace, metrics } from '../../deployment/metrics.ts';
import { type AlarmId, alarmDescription } from '../../mail/faults.ts';

export type AlarmsProps = {
  /** What these archives are called in CloudWatch. */
  readonly service: string;
  readonly deployment: Deployment;
  readonly topic: ITopic;
  readonly deadLetters: IQueue;
  readonly functions: { readonly watch: IFunction; readonly verify: IFunction };
};

type Rule = {
  readonly metric: IMetric;
  /** The alarm goes off above this; default 0, */
  readonly above?: number;
  /** or below this, */
  readonly below?: number;
  /** By default no fault. */
  readonly missing?: TreatMissingData;
  /** in so many periods of the last `of`. Default: in the last one. */
  readonly periods?: number;
  readonly of?: number;
};

export class Alarms extends Construct {
  readonly all: Alarm[] = [];
  /** As CloudWatch shows them. */
  readonly names: string[] = [];
  readonly #service: string;
  readonly #action: SnsAction;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.#service = props.service;
    this.#action = new SnsAction(props.topic);
    letAlarmsPublish(props.topic);
    const { watch, verify } = props.functions;
    // A call that is throttled does not count.
    this.add('nobodyLooks', {
      metric: watch.metricInvocations({ period: Duration.hours(1), statistic: Stats.SUM }),
      below: 1,
      missing: TreatMissingData.BREACHING,
      periods: 2,
    });
    // It fails while nobody hears. Of no use by mail then; but it stands in the console, and says when it is over.
    this.add('nobodyHears', {
      metric: watch.metricErrors({ period: Duration.hours(1), statistic: Stats.SUM }),
      periods: 2,
    });
    this.add('deadLetters', {
      metric: props.deadLetters.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(5),
        statistic: Stats.MAXIMUM,
      }),
    });
    // Now and then AWS is busy for a moment, and the event comes again by itself. All functions draw on the account's
    // executions, and this one most: an alarm over all of them would be paid for each.
    this.add('handlerThrottled', {
      metric: verify.metricThrottles({ period: Duration.minutes(5), statistic: Stats.SUM }),
      periods: 3,
      of: 6,
    });
    if (props.deployment.monitoring === 'full') this.watchFigures(props.deployment);
  }

  /** By the worst source's. That they are missing is told already. */
  private watchFigures({ freshnessHours, restoreTestDays, rpoMinutes }: Deployment): void {
    for (const [fault, id, period, above] of [
      ['noFreshArchive', 'newestIntactAge', Duration.hours(1), freshnessHours],
      ['restoreTestOverdue', 'restoreTestAge', Duration.hours(1), restoreTestDays * 24],
      ['retentionStandstill', 'retentionStandsStill', Duration.days(1), 0],
      ['logBehind', 'newestPointAge', Duration.hours(1), rpoMinutes / 60],
      ['logGap', 'segmentsLacking', Duration.hours(1), 0],
    ] as const) {
      this.add(fault, { metric: figure(id, this.#service, period), above, missing: TreatMissingData.IGNORE });
    }
  }

  private add(fault: AlarmId, rule: Rule): void {
    const { periods = 1, of = periods, above = 0, below, missing = TreatMissingData.NOT_BREACHING } = rule;
    const slug = fault.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const alarmName = `${this.#service}-${slug}`;
    const alarm = new Alarm(this, fault, {
      alarmName,
      alarmDescription: alarmDescription(fault),
      metric: rule.metric,
      threshold: below ?? above,
      comparisonOperator:
        below === undefined
          ? ComparisonOperator.GREATER_THAN_THRESHOLD
          : ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: of,
      datapointsToAlarm: periods,
      treatMissingData: missing,
    });
    alarm.addAlarmAction(this.#action);
    alarm.addOkAction(this.#action);
    this.all.push(alarm);
    this.names.push(alarmName);
  }
}

/** One of our own figures, of no source. */
export function figure(
  id: MetricId,
  service: string,
  period: Duration,
  statistic: string = Stats.MAXIMUM,
): Metric {
  return new Metric({
    namespace: metricNamespace,
    metricName: metrics[id].name,
    dimensionsMap: metricDimensions(service),
    period,
    statistic,
  });
}

/**
 * A topic with a policy of its own has lost the one that comes by default, which let the alarms of the account in.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
 */
function letAlarmsPublish(topic: ITopic): void {
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: 'Alarms',
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: {
        StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
        ArnLike: {
          'aws:SourceArn': `arn:${Aws.PARTITION}:cloudwatch:${Aws.REGION}:${Aws.ACCOUNT_ID}:alarm:*`,
        },
      },
    }),
  );
}
