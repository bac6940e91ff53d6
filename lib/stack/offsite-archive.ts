// The whole of offsite as one construct, for a CDK app of yours: the vault, the programs that guard it, and the policies
// for those outside. Only wiring stands here; each part says for itself what it is.

import { CfnElement, Duration, Names, Stack, Token } from 'aws-cdk-lib';
import type { ManagedPolicy, Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { OffsiteError } from '../base/errors.ts';
import { checkDeployment, type Deployment } from '../deployment/deployment.ts';
import { Access } from './access/access.ts';
import type { AgentAccess } from './access/agent-access.ts';
import { describeExcess, findExcesses, type Template } from './limits.ts';
import { Handlers } from './programs/handlers.ts';
import { RestoreTask } from './programs/restore-task.ts';
import type { OffsiteArchiveProps } from './props.ts';
import { Vault } from './vault/vault.ts';
import { Alarms } from './watching/alarms.ts';
import { addDashboard } from './watching/dashboard.ts';
import { addBudget, addRecipients } from './watching/recipients.ts';

export type { OffsiteArchiveProps } from './props.ts';

/**
 * Offsite archives in one account and region.
 *
 * @remarks Asks nothing of its scope but a stack. Two of them in one stack are two vaults that know nothing of each other.
 */
export class OffsiteArchive extends Construct {
  /** The settings, completed by their defaults. */
  readonly deployment: Deployment;
  /** Where archives, verdicts and reports live. */
  readonly bucket: Bucket;
  /** What the bucket is encrypted with, if not with S3's own key. */
  readonly key: IKey | undefined;
  /** Where reports and alerts are published. */
  readonly topic: ITopic;
  /** Events that could be neither handled nor told of, for two weeks. It is empty as long as all is well. */
  readonly deadLetters: Queue;
  /** The functions, by their names, and the state machine of large archives. */
  readonly handlers: Handlers;
  /** The alarms, in `all`. */
  readonly alarms: Alarms;
  /** The restore test: its cluster, task definitions and network. */
  readonly restoreTask: RestoreTask;
  /** For the hosts that make archives: a policy for each source, and credentials if they were asked for. */
  readonly agentAccess: AgentAccess;
  /** For whoever lists, fetches and restores. */
  readonly operatorPolicy: ManagedPolicy;
  /** For whoever brings expired archives back; besides that of the operator. */
  readonly undoPolicy: ManagedPolicy;
  /** Has the operator's policy; assumed by principals of the account. */
  readonly operatorRole: Role;
  /** For whoever says that a suspicious archive is right, besides the operator's. */
  readonly acceptPolicy: ManagedPolicy;

  /** @throws {@link OffsiteError} `CONFIG_INVALID` naming every property that is missing, wrong or unknown. */
  constructor(scope: Construct, id: string, props: OffsiteArchiveProps) {
    super(scope, id);
    const { topic, vpc, removalPolicy, ...settings } = props;
    this.deployment = settle(settings);
    const { bucket, key } = new Vault(this, 'Vault', { ...this.deployment, removalPolicy });
    this.bucket = bucket;
    this.key = key;
    this.topic = topic ?? new Topic(this, 'Reports', { enforceSSL: true });
    addRecipients(this, this.topic, this.deployment);
    this.deadLetters = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    const reach = { bucket, key, topic: this.topic };
    const service = Names.uniqueResourceName(this, { maxLength: 80, separator: '-' });
    this.restoreTask = new RestoreTask(this, 'RestoreTask', { ...reach, ...this.deployment, vpc });
    this.handlers = new Handlers(this, 'Handlers', {
      ...reach,
      deployment: this.deployment,
      restoreTask: this.restoreTask,
      deadLetters: this.deadLetters,
      service,
    });
    addBudget(this, this.deployment);
    const access = new Access(this, 'Identities', {
      ...reach,
      ...this.deployment,
      reportArn: this.handlers.report.functionArn,
    });
    this.agentAccess = access.agentAccess;
    this.operatorPolicy = access.operatorPolicy;
    this.undoPolicy = access.undoPolicy;
    this.operatorRole = access.operatorRole;
    this.acceptPolicy = access.acceptPolicy;
    this.alarms = new Alarms(this, 'Alarms', {
      service,
      deployment: this.deployment,
      topic: this.topic,
      deadLetters: this.deadLetters,
      functions: this.handlers,
    });
    if (this.deployment.monitoring === 'full') {
      addDashboard(this, 'Dashboard', { service, bucket, alarms: this.alarms, functions: this.handlers.all });
    }
    this.node.addValidation({ validate: () => refuseExcesses(Stack.of(this)) });
  }
}

/** These decide what is in the template: a token's value comes too late for them. */
const choices = [
  'alsoNotify',
  'objectLock',
  'lockExistingBucket',
  'existingBucket',
  'encryption',
  'existingKey',
  'agentAccess',
  'operatorMfa',
  'postgresMajor',
  'restoreTestNetwork',
  'availabilityZones',
  'build',
  'monitoring',
] as const;

/** Checks what is known now; a token is taken as it is. */
function settle(props: Omit<OffsiteArchiveProps, 'topic' | 'vpc' | 'removalPolicy'>): Deployment {
  const given = Object.entries(props).filter(([, value]) => value !== undefined);
  const late = given.filter(([, value]) => isLate(value));
  refuseLateChoices(late);
  const tokens = Object.fromEntries(late);
  const standIns = {
    ...(tokens.email === undefined ? {} : { email: 'token@example.com' }),
    ...(tokens.agentCa === undefined ? {} : { agentCa: 'arn:token' }),
  };
  const known = Object.fromEntries(given.filter(([, value]) => !isLate(value)));
  const hint = 'see the settings of the deployment in docs/cloud.md';
  return { ...checkDeployment({ ...known, ...standIns }, hint), ...tokens };
}

function isLate(value: unknown): boolean {
  return Token.isUnresolved(value) || (Array.isArray(value) && value.some(Token.isUnresolved));
}

function refuseLateChoices(late: readonly (readonly [string, unknown])[]): void {
  const wrong = late.filter(
    ([key, value]) =>
      choices.some((choice) => choice === key) || (key === 'sources' && !Array.isArray(value)),
  );
  const lists = late.filter(([key, value]) => key === 'sources' && Token.isUnresolved(value));
  if (wrong.length + lists.length === 0) return;
  throw new OffsiteError(
    'CONFIG_INVALID',
    'the template depends on settings that only a deployment would know',
    {
      expected: `${[...choices, 'sources'].join(', ')}: known when the app is synthesized`,
      found: `a token for ${[...wrong, ...lists].map(([key]) => key).join(', ')}`,
      hint: 'give values, or a list of tokens for sources; the other properties may be tokens',
    },
  );
}

/**
 * Asks whether AWS would take the stack.
 *
 * @returns Nothing: what it gives a construct's validation.
 * @throws {@link OffsiteError} `CONFIG_INVALID` naming all that is too large.
 */
function refuseExcesses(stack: Stack): [] {
  const name = Token.isUnresolved(stack.stackName) ? 'Stack' : stack.stackName;
  const excesses = findExcesses(templateOf(stack), name);
  if (excesses.length === 0) return [];
  throw new OffsiteError('CONFIG_INVALID', 'AWS would not take this stack', {
    expected: 'a stack within the limits of AWS',
    found: excesses.map(describeExcess).join('\n'),
    hint: 'nothing was deployed; let two stacks have some of the sources each',
  });
}

/** What will be written, before it is. */
function templateOf(stack: Stack): Template {
  const template: Record<string, Record<string, unknown>> = {};
  for (const element of stack.node.findAll()) {
    if (!CfnElement.isCfnElement(element) || element.stack !== stack) continue;
    const parts: Record<string, unknown> = stack.resolve(element._toCloudFormation()) ?? {};
    for (const [section, entries] of Object.entries(parts)) {
      template[section] = Object.assign(template[section] ?? {}, entries);
    }
  }
  return template as Template;
}
