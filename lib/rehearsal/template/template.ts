// Resolves CloudFormation's intrinsics in a synthesized template, as deploying would: names of what exists on this
// machine (the local bucket and topic) where they are given, names of the form AWS gives everywhere else.

import * as z from 'zod';

export type Template = {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Parameters?: Readonly<Record<string, { readonly Default?: unknown }>>;
};

export type Resource = {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DependsOn?: unknown;
};

/** What `Ref` and `Fn::GetAtt` give for a resource that exists. */
export type PhysicalId = { readonly ref: string; readonly attributes?: Readonly<Record<string, string>> };

/** Where the stack is deployed, and what of it exists already. */
export type Deployed = {
  readonly region: string;
  readonly account: string;
  readonly stackName: string;
  /** By logical id; every other resource gets a name made up from its logical id. */
  readonly physicalIds: ReadonlyMap<string, PhysicalId>;
};

export type Resolve = (value: unknown) => unknown;

/**
 * Gives a function that replaces every intrinsic in a value of the template.
 *
 * @throws Error From the returned function, at an intrinsic or a logical id that is not known.
 */
export function createResolver(template: Template, deployed: Deployed): Resolve {
  const resolve: Resolve = (value) => {
    if (Array.isArray(value)) return value.map(resolve).filter((item) => item !== undefined);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [name, argument] = entries[0] ?? [];
    if (entries.length === 1 && name !== undefined && (name === 'Ref' || name.startsWith('Fn::')))
      return intrinsic(name, argument);
    return Object.fromEntries(
      entries.map(([key, item]) => [key, resolve(item)]).filter(([, item]) => item !== undefined),
    );
  };

  const ref = (name: string): unknown => {
    if (name in pseudo) return pseudo[name]?.(deployed);
    const parameter = template.Parameters?.[name];
    return parameter === undefined ? physicalId(template, deployed, name).ref : parameter.Default;
  };

  const attribute = (logicalId: string, name: string): string => {
    const found = physicalId(template, deployed, logicalId).attributes?.[name];
    return found ?? `${logicalId}.${name}`;
  };

  const substitute = (text: string, variables: Record<string, unknown>): string =>
    text.replace(/\$\{(!?)([^}]+)\}/g, (whole, literal: string, name: string) => {
      if (literal === '!') return whole.replace('!', '');
      if (name in variables) return String(resolve(variables[name]));
      const [logicalId = '', ...rest] = name.split('.');
      return rest.length === 0 ? String(ref(name)) : attribute(logicalId, rest.join('.'));
    });

  const intrinsics: Record<string, (argument: unknown) => unknown> = {
    Ref: (argument) => ref(argument as string),
    'Fn::GetAtt': (argument) => {
      const [logicalId = '', ...rest] = Array.isArray(argument) ? argument : String(argument).split('.');
      return attribute(logicalId, rest.map(resolve).join('.'));
    },
    'Fn::Join': (argument) => {
      const [separator, items] = argument as [string, unknown];
      return (resolve(items) as unknown[]).join(separator);
    },
    'Fn::Sub': (argument) =>
      typeof argument === 'string'
        ? substitute(argument, {})
        : substitute(...(argument as [string, Record<string, unknown>])),
    'Fn::Select': (argument) => {
      const [index, items] = argument as [number | string, unknown];
      return (resolve(items) as unknown[])[Number(index)];
    },
    'Fn::Split': (argument) => {
      const [separator, text] = argument as [string, unknown];
      return String(resolve(text)).split(separator);
    },
    'Fn::GetAZs': () => ['a', 'b', 'c'].map((zone) => `${deployed.region}${zone}`),
  };

  const intrinsic = (name: string, argument: unknown): unknown => {
    const known = intrinsics[name];
    if (known === undefined) throw new Error(`the rehearsal does not know CloudFormation's ${name}`);
    return known(argument);
  };
  return resolve;
}

const pseudo: Record<string, (deployed: Deployed) => string | undefined> = {
  'AWS::Region': ({ region }) => region,
  'AWS::AccountId': ({ account }) => account,
  'AWS::Partition': () => 'aws',
  'AWS::URLSuffix': () => 'amazonaws.com',
  'AWS::StackName': ({ stackName }) => stackName,
  'AWS::StackId': ({ region, account, stackName }) =>
    `arn:aws:cloudformation:${region}:${account}:stack/${stackName}/rehearsal`,
  'AWS::NoValue': () => undefined,
};

function physicalId(template: Template, deployed: Deployed, logicalId: string): PhysicalId {
  const given = deployed.physicalIds.get(logicalId);
  if (given !== undefined) return given;
  const resource = template.Resources[logicalId];
  if (resource === undefined) throw new Error(`the template refers to ${logicalId}, which it does not have`);
  const name = `${deployed.stackName}-${logicalId}`;
  const known = madeUp[resource.Type];
  return known === undefined ? { ref: name } : known(name, deployed);
}

const madeUp: Readonly<Record<string, (name: string, deployed: Deployed) => PhysicalId>> = {
  'AWS::Lambda::Function': (name, deployed) => named(name, arn(deployed, 'lambda', `function:${name}`)),
  'AWS::Events::Rule': (name, deployed) => named(name, arn(deployed, 'events', `rule/${name}`)),
  'AWS::ECS::Cluster': (name, deployed) => named(name, arn(deployed, 'ecs', `cluster/${name}`)),
  'AWS::StepFunctions::StateMachine': (name, deployed) => {
    const own = arn(deployed, 'states', `stateMachine:${name}`);
    return { ref: own, attributes: { Arn: own, Name: name } };
  },
  'AWS::SQS::Queue': (name, deployed) => named(name, arn(deployed, 'sqs', name)),
  'AWS::KMS::Key': (name, deployed) => named(name, arn(deployed, 'kms', `key/${name}`)),
  'AWS::IAM::Role': (name, deployed) => named(name, `arn:aws:iam::${deployed.account}:role/${name}`),
  'AWS::S3::Bucket': (name) => bucketId(name.toLowerCase()),
  'AWS::SNS::Topic': (name, deployed) => topicId(arn(deployed, 'sns', name)),
  'AWS::ECS::TaskDefinition': (name, deployed) => ({
    ref: arn(deployed, 'ecs', `task-definition/${name}:1`),
  }),
  'AWS::EC2::SecurityGroup': (name) => ({ ref: name, attributes: { GroupId: name } }),
};

export function bucketId(name: string): PhysicalId {
  return named(name, `arn:aws:s3:::${name}`);
}

export function topicId(topicArn: string): PhysicalId {
  return { ref: topicArn, attributes: { TopicArn: topicArn } };
}

function named(ref: string, arnOfIt: string): PhysicalId {
  return { ref, attributes: { Arn: arnOfIt } };
}

function arn({ region, account }: Deployed, service: string, rest: string): string {
  return `arn:aws:${service}:${region}:${account}:${rest}`;
}

type Found<T> = {
  readonly logicalId: string;
  readonly ref: string;
  readonly arn: string;
  readonly properties: T;
};

/** @throws Error At a resource that is not of the form that the schema says. */
export type Reader = <T>(type: string, schema: z.ZodType<T>) => Found<T>[];

export function createReader(template: Template, deployed: Deployed): Reader {
  const resolve = createResolver(template, deployed);
  return (type, schema) =>
    logicalIdsOf(template, type).map((logicalId) => {
      const parsed = schema.safeParse(resolve(template.Resources[logicalId]?.Properties ?? {}));
      if (!parsed.success) {
        throw new Error(
          `${logicalId} (${type}) cannot be rehearsed as it is: ${z.prettifyError(parsed.error)}`,
        );
      }
      return {
        logicalId,
        ref: String(resolve({ Ref: logicalId })),
        arn: String(resolve({ 'Fn::GetAtt': [logicalId, 'Arn'] })),
        properties: parsed.data,
      };
    });
}

export function logicalIdsOf(template: Template, type: string): string[] {
  return Object.entries(template.Resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([logicalId]) => logicalId);
}
