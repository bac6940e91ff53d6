// What AWS takes of a template, in one place. Synthesis says nothing of most of these, and a deployment fails by them
// half-way through, or only once an alarm goes off: so the construct asks here before anything is uploaded.

import { createFiller, type Resources } from './fill-in.ts';

export type Template = {
  readonly Resources?: Resources;
  readonly Outputs?: Readonly<Record<string, unknown>>;
  readonly Parameters?: Readonly<Record<string, unknown>>;
};

type Properties = Readonly<Record<string, unknown>>;

/** Something that is more than AWS takes. */
export type Excess = {
  /** The logical id; absent for the template as a whole. */
  readonly logicalId?: string;
  /** `characters in the policy` */
  readonly what: string;
  readonly found: number;
  readonly most: number;
  /** Who takes no more: `IAM`. */
  readonly service: string;
};

type Limit = {
  readonly what: string;
  readonly service: string;
  readonly most: number;
  /** @param properties - Without intrinsics: what a deployment fills in stands there in its usual length. */
  readonly measure: (properties: Properties) => number;
};

const by =
  (service: string) =>
  (most: number, what: string, measure: Limit['measure']): Limit => ({ service, most, what, measure });
const [iam, lambda, sqs, cloudWatch] = ['IAM', 'Lambda', 'SQS', 'CloudWatch'].map(by) as [By, By, By, By];
const eventBridge = by('EventBridge');
type By = ReturnType<typeof by>;

/**
 * Of each resource, by its type.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
 */
const limits: Readonly<Record<string, readonly Limit[]>> = {
  'AWS::IAM::ManagedPolicy': [
    iam(6144, 'characters in the policy', textOf('PolicyDocument')),
    iam(1000, 'characters in the description', textOf('Description')),
  ],
  'AWS::IAM::Role': [
    iam(10_240, 'characters in the policies written into it', inlineText),
    iam(2048, 'characters in the trust policy', textOf('AssumeRolePolicyDocument')),
    iam(10, 'managed policies', countOf('ManagedPolicyArns')),
    iam(1000, 'characters in the description', textOf('Description')),
  ],
  'AWS::IAM::User': [
    iam(2048, 'characters in the policies written into it', inlineText),
    iam(10, 'managed policies', countOf('ManagedPolicyArns')),
  ],
  'AWS::IAM::Group': [
    iam(5120, 'characters in the policies written into it', inlineText),
    iam(10, 'managed policies', countOf('ManagedPolicyArns')),
  ],
  'AWS::Lambda::Function': [
    lambda(4096, 'bytes of environment', environmentBytes),
    lambda(900, 'seconds', numberOf('Timeout')),
    lambda(10_240, 'MB of memory', numberOf('MemorySize')),
    lambda(256, 'characters in the description', textOf('Description')),
  ],
  'AWS::Lambda::EventSourceMapping': [lambda(10_000, 'messages in a batch', numberOf('BatchSize'))],
  'AWS::SQS::Queue': [
    sqs(43_200, 'seconds of invisibility', numberOf('VisibilityTimeout')),
    sqs(1_209_600, 'seconds of retention', numberOf('MessageRetentionPeriod')),
  ],
  'AWS::SNS::TopicPolicy': [by('SNS')(30_720, 'bytes in the policy', textOf('PolicyDocument'))],
  'AWS::S3::BucketPolicy': [by('S3')(20_480, 'bytes in the policy', textOf('PolicyDocument'))],
  'AWS::KMS::Key': [by('KMS')(32_768, 'bytes in the policy', textOf('KeyPolicy'))],
  'AWS::Events::Rule': [
    eventBridge(5, 'targets', countOf('Targets')),
    eventBridge(4096, 'characters in the pattern', textOf('EventPattern')),
    eventBridge(512, 'characters in the description', textOf('Description')),
  ],
  'AWS::StepFunctions::StateMachine': [
    by('Step Functions')(1_048_576, 'bytes in the definition', textOf('DefinitionString')),
  ],
  'AWS::CloudWatch::Alarm': [
    cloudWatch(255, 'characters in the name', textOf('AlarmName')),
    cloudWatch(1024, 'characters in the description', textOf('AlarmDescription')),
    cloudWatch(5, 'actions', countOf('AlarmActions')),
    cloudWatch(10, 'metrics in the expression', countOf('Metrics')),
    cloudWatch(604_800, 'seconds looked at', ({ Period, EvaluationPeriods }) =>
      typeof Period === 'number' ? Period * Number(EvaluationPeriods) : 0,
    ),
  ],
  'AWS::CloudWatch::Dashboard': [
    cloudWatch(500, 'widgets', (properties) => widgetsOf(properties).length),
    cloudWatch(100, 'alarms in a widget', mostOf('alarms')),
    cloudWatch(500, 'metrics in a widget', mostOf('metrics')),
  ],
};

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const ofTemplate = {
  resources: 500,
  outputs: 200,
  parameters: 200,
  /** From a bucket, where the CDK puts it; 51,200 would be taken with the request itself. */
  bytes: 1_000_000,
};

/**
 * Finds all that AWS would not take.
 *
 * @param template - As it is synthesized, intrinsics and all.
 * @param stackName - Part of the names that a deployment makes.
 */
export function findExcesses(template: Template, stackName: string): Excess[] {
  const { Resources: resources = {}, Outputs: outputs = {}, Parameters: parameters = {} } = template;
  const whole: Excess[] = [
    { what: 'resources', found: Object.keys(resources).length, most: ofTemplate.resources },
    { what: 'outputs', found: Object.keys(outputs).length, most: ofTemplate.outputs },
    { what: 'parameters', found: Object.keys(parameters).length, most: ofTemplate.parameters },
    { what: 'bytes', found: bytesIn(JSON.stringify(template, undefined, 1)), most: ofTemplate.bytes },
  ].map((one) => ({ ...one, service: 'CloudFormation' }));
  const fillIn = createFiller(resources, stackName);
  const each = Object.entries(resources).flatMap(([logicalId, { Type, Properties = {} }]) => {
    const ours = limits[Type] ?? [];
    const properties = ours.length > 0 ? (fillIn(Properties) as Properties) : {};
    return ours.map(({ measure, ...one }) => ({ ...one, logicalId, found: measure(properties) }));
  });
  return [...whole, ...each].filter(({ found, most }) => found > most);
}

/** One sentence. */
export function describeExcess({ logicalId, what, found, most, service }: Excess): string {
  const whose = logicalId === undefined ? 'the template has' : `${logicalId} has`;
  return `${whose} ${found.toLocaleString('en')} ${what}; ${service} takes ${most.toLocaleString('en')}`;
}

function textOf(name: string): Limit['measure'] {
  return ({ [name]: value }) => {
    if (value === undefined) return 0;
    return bytesIn(typeof value === 'string' ? value : JSON.stringify(value));
  };
}

function numberOf(name: string): Limit['measure'] {
  return ({ [name]: value }) => (typeof value === 'number' ? value : 0);
}

function countOf(name: string): Limit['measure'] {
  return ({ [name]: value }) => (Array.isArray(value) ? value.length : 0);
}

function inlineText({ Policies }: Properties): number {
  const policies = (Policies ?? []) as { PolicyDocument: unknown }[];
  return bytesIn(policies.map(({ PolicyDocument }) => JSON.stringify(PolicyDocument)).join(''));
}

/** Names and values; Lambda counts both. */
function environmentBytes({ Environment }: Properties): number {
  const { Variables = {} } = (Environment ?? {}) as { Variables?: Record<string, string> };
  return bytesIn(JSON.stringify(Variables));
}

type Widget = { readonly properties?: Readonly<Record<string, unknown>> };

function widgetsOf({ DashboardBody }: Properties): readonly Widget[] {
  try {
    return JSON.parse(String(DashboardBody)).widgets ?? [];
  } catch {
    // An intrinsic of somebody else's stack that is not known here.
    return [];
  }
}

function mostOf(list: string): Limit['measure'] {
  return (properties) =>
    Math.max(0, ...widgetsOf(properties).map((widget) => countOf(list)(widget.properties ?? {})));
}

function bytesIn(text: string): number {
  return Buffer.byteLength(text);
}
