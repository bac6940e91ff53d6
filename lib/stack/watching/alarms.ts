// The alarms, each about one fault of lib/mail/faults.ts. What lasts, and what our own programs might not live to tell, is
// mailed by its alarm: when it begins and when it is over. What a mail of our own tells has a quiet alarm: it shows that
// the fault stands, and mails nothing, for no fault is told twice.
//
// Missing figures are a fault where they mean that nobody looks any more: that is the dead man's switch, which works when
// none of our code runs. It is told once, by the freshness of archives (hourly) and by retention (daily); the other
// figures come from the same programs, and their alarms stay as they are meanwhile.

import { Aws, Duration, Token } from 'aws-cdk-lib';
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
import type { Topic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Deployment } from '../../deployment/deployment.ts';
import { type MetricId, metricDimensions, metricNamespace, metrics } from '../../deployment/metrics.ts';
import { alarmDescription, type FaultId, faults } from '../../mail/faults.ts';

export type AlarmsProps = {
  /** What these archives are called in CloudWatch. */
  readonly service: string;
  readonly deployment: Deployment;
  readonly topic: Topic;
  readonly deadLetters: IQueue;
  /** By their names. */
  readonly functions: Readonly<Record<string, IFunction>>;
};

type Rule = {
  readonly metric: IMetric;
  /** The alarm goes off above this, */
  readonly above: number;
  readonly missing: TreatMissingData;
  /** in so many periods of the last `of`. Default: in the last one. */
  readonly periods?: number;
  readonly of?: number;
};

/** All alarms of these archives. */
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
    const { sources } = props.deployment;
    // A source that is a token has no name yet.
    sources.forEach((source, index) => {
      this.watchSource(source, Token.isUnresolved(source) ? `Source${index}` : source, props.deployment);
    });
    this.add('restoreTestLost', {
      metric: figure('restoreTestsLost', props.service, undefined, Duration.days(1), Stats.SUM),
      above: 0,
      missing: TreatMissingData.NOT_BREACHING,
    });
    this.add('deadLetters', {
      metric: props.deadLetters.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(5),
        statistic: Stats.MAXIMUM,
      }),
      above: 0,
      missing: TreatMissingData.NOT_BREACHING,
    });
    for (const [name, fn] of Object.entries(props.functions)) this.watchFunction(name, fn);
  }

  private watchSource(source: string, name: string, limits: Deployment): void {
    const hourly = (id: MetricId) => figure(id, this.#service, source, Duration.hours(1));
    const asItWas = TreatMissingData.IGNORE;
    this.add(
      'noFreshArchive',
      {
        metric: hourly('newestIntactAge'),
        above: limits.freshnessHours,
        missing: TreatMissingData.BREACHING,
      },
      { source, name },
    );
    this.add(
      'restoreTestOverdue',
      {
        metric: hourly('restoreTestAge'),
        above: limits.restoreTestDays * 24,
        missing: asItWas,
      },
      { source, name },
    );
    this.add(
      'retentionStandstill',
      {
        metric: figure('retentionStandsStill', this.#service, source, Duration.days(1)),
        above: 0,
        missing: TreatMissingData.BREACHING,
      },
      { source, name },
    );
    for (const [fault, id] of [
      ['archiveNotIntact', 'archivesNotIntact'],
      ['archiveSuspicious', 'archivesSuspicious'],
      ['restoreTestFailed', 'restoreTestFailed'],
    ] as const) {
      this.add(fault, { metric: hourly(id), above: 0, missing: asItWas }, { source, name });
    }
  }

  private watchFunction(name: string, fn: IFunction): void {
    const none = { above: 0, missing: TreatMissingData.NOT_BREACHING };
    this.add(
      'handlerFailed',
      {
        ...none,
        metric: fn.metricErrors({ period: Duration.hours(1), statistic: Stats.SUM }),
      },
      { name },
    );
    // Now and then AWS is busy for a moment, and the event comes again by itself.
    this.add(
      'handlerThrottled',
      {
        ...none,
        metric: fn.metricThrottles({ period: Duration.minutes(5), statistic: Stats.SUM }),
        periods: 3,
        of: 6,
      },
      { name },
    );
  }

  private add(fault: FaultId, rule: Rule, about: { source?: string; name?: string } = {}): void {
    const { periods = 1, of = periods } = rule;
    const slug = fault.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const alarmName = [this.#service, slug, about.source ?? about.name].filter(Boolean).join('-');
    const alarm = new Alarm(this, [fault, about.name].filter(Boolean).join('-'), {
      alarmName,
      alarmDescription: alarmDescription(fault, about.source ?? about.name),
      metric: rule.metric,
      threshold: rule.above,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: of,
      datapointsToAlarm: periods,
      treatMissingData: rule.missing,
    });
    if (faults[fault].toldBy === 'alarm') {
      alarm.addAlarmAction(this.#action);
      alarm.addOkAction(this.#action);
    }
    this.all.push(alarm);
    this.names.push(alarmName);
  }
}

/** One of our own figures. */
export function figure(
  id: MetricId,
  service: string,
  source: string | undefined,
  period: Duration,
  statistic: string = Stats.MAXIMUM,
): Metric {
  return new Metric({
    namespace: metricNamespace,
    metricName: metrics[id].name,
    dimensionsMap: metricDimensions(service, source),
    period,
    statistic,
  });
}

/**
 * A topic with a policy of its own has lost the one that comes by default, which let the alarms of the account in.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
 */
function letAlarmsPublish(topic: Topic): void {
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
