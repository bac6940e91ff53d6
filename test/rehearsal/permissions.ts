// The rehearsal's calls held against the roles of the template: what was asked and is not allowed is a permission that is
// missing, and what is allowed and was not asked is one that is too wide, unless there is a reason for it.

import { readFileSync, writeFileSync } from 'node:fs';
import cdk from '../../cdk.json' with { type: 'json' };
import { parseDeployment } from '../../lib/deployment/deployment.ts';
import { type AwsCall, principals } from '../../lib/rehearsal/aws/aws-calls.ts';
import { bucketId, type Template, topicId } from '../../lib/rehearsal/template/template.ts';
import { type Account, createAccount, type Policy } from '../fixtures/iam.ts';
import { madeOnce } from '../fixtures/once.ts';

const bucket = 'offsite';
const topicArn = 'arn:aws:sns:us-east-1:000000000000:operator';

/** @returns The calls that AWS would have refused, and permissions that nobody used, both as readable lines. */
export async function compareWithRoles(
  calls: readonly AwsCall[],
): Promise<{ refused: string[]; unused: string[] }> {
  const template = await synthesizeTemplate();
  const account = createAccount(template, deployedAs(template));
  const holders = holdersOf(template, account);
  const refused = calls.map(async ({ principal, ...call }) => {
    const policies = holders.get(principal)?.policies ?? [];
    const isKnown = !call.action.startsWith('unknown');
    const decision = isKnown ? await account.decide(policies, call) : 'not known to the rehearsal';
    return decision === 'Allowed' ? [] : [`${principal}: ${call.action} on ${call.resource}: ${decision}`];
  });
  const unused = [...holders].flatMap(([principal, { name, policies }]) =>
    account
      .permissionsOf(policies)
      .filter(
        ({ action, resource }) =>
          !calls.some(
            (call) =>
              call.principal === principal && call.action === action && matches(resource, call.resource),
          ),
      )
      .map(({ action, resource }) => `${name}: ${action} on ${shorten(resource)}`),
  );
  return { refused: (await Promise.all(refused)).flat(), unused: unused.sort() };
}

/** Why somebody may do what the rehearsal does not do. */
const reasons: readonly (readonly [permission: RegExp, reason: string])[] = [
  [
    /: (logs:\w+ on Handlers|lambda:InvokeFunction on HandlersReport|sqs:SendMessage on DeadL|sqs:\w+ on HandlersVerifyQueue)/,
    'Lambda does it itself',
  ],
  [/: s3:GetObjectVersion on /, "the rehearsal's bucket has no versions"],
  [/^(Verify|RestoreTaskTask): s3:ListBucket on /, 'without it S3 says that what is absent is forbidden'],
  [/^(Watch|LaunchRestoreTest|Report): sns:Publish on /, 'they have nothing to tell on a good day'],
  [
    /^(LaunchRestoreTest|Report): s3:(Get|Put)Object on watch.told|^Report: s3:ListBucket on /,
    'they note what they have told, and a good day tells nothing',
  ],
  [
    /^Verify: s3:GetObject on watch.faults|^Report: s3:(Get|Put)Object on watch.faults/,
    'of one source there is no second fault within an hour, and nothing that verify fails at',
  ],
  [/: s3:GetObject on acceptances/, 'no archive is suspicious, so nobody looks whether it was accepted'],
  [/^LaunchRestoreTest: s3:GetObject on reports/, 'its one source has had its turn already'],
  [
    /^Expire: s3:PutObject on due/,
    'all was read tonight: test/retention/renewal.test.ts reads again at moto',
  ],
  [/^Expire: s3:GetObject on holds/, 'nothing is held: offsite undo is not rehearsed'],
  [
    /^(ReadRange|JoinRanges): |^Verify: states:\w+ on /,
    'no archive here is large: test/rehearsal/ranges.test.ts reads one in ranges',
  ],
  [
    /^LaunchRestoreTest: (ecs:RunTask on RestoreTaskVolumeTaskDefinition|iam:PassRole on RestoreTaskVolumeRole)/,
    'no archive here takes a volume: test/rehearsal/volume-launch.test.ts launches for one that does',
  ],
  [
    /^Verify: (ecs:RunTask|iam:PassRole) on RestoreTask/,
    'no base backup here is large: test/rehearsal/volume-launch.test.ts launches the task for one',
  ],
  [
    /^Expire: s3:(GetObject|GetObjectRetention|PutObjectRetention) on (archives|sidecars)\/\*$/,
    'nothing stays longer than its days: test/retention/lock.test.ts extends locks at moto',
  ],
  [/ on sidecar(s|-verdicts)\//, 'no sidecar is rehearsed: test/sidecar/sidecar.test.ts archives one'],
  [
    / on (basebackups|basebackup-verdicts|wal|wal-verdicts|due\/\*\/wal)\//,
    'what is to the minute comes last here: test/retention/log.test.ts has it judged, watched and expired at moto',
  ],
  [/^agent: s3:AbortMultipartUpload on /, 'the dump that dies is so small that no upload has begun'],
  [/^operator: s3:ListBucketVersions on /, 'offsite undo is not rehearsed'],
];

/** @returns Those of the unused permissions for which nobody has given a reason. */
export function withoutReason(unused: readonly string[]): string[] {
  return unused.filter((line) => !reasons.some(([permission]) => permission.test(line)));
}

/** The template that the rehearsal deploys, without its bundles: synthesized once for all files of a run. */
export async function synthesizeTemplate(settings: Readonly<Record<string, string>> = {}): Promise<Template> {
  const name = `template-${Object.values(settings).join('-')}.json`;
  const file = await madeOnce(name, async (place) => {
    const { App } = await import('aws-cdk-lib');
    const { Template: Synthesized } = await import('aws-cdk-lib/assertions');
    const { OffsiteStack } = await import('../../lib/stack/offsite-stack.ts');
    const context = { ...cdk.context, 'aws:cdk:bundling-stacks': [] };
    const app = new App({ context, outdir: `${place}.out` });
    const deployment = parseDeployment({ email: 'operator@example.com', ...settings });
    const stack = new OffsiteStack(app, 'OffsiteStack', { deployment });
    writeFileSync(place, JSON.stringify(Synthesized.fromStack(stack).toJSON()));
  });
  return JSON.parse(readFileSync(file, 'utf8')) as Template;
}

function deployedAs(template: Template) {
  const idOf = (type: string) =>
    Object.entries(template.Resources).find(([, resource]) => resource.Type === type)?.[0] ?? '';
  return {
    region: 'us-east-1',
    account: '000000000000',
    stackName: 'OffsiteStack',
    physicalIds: new Map([
      [idOf('AWS::S3::Bucket'), bucketId(bucket)],
      [idOf('AWS::SNS::Topic'), topicId(topicArn)],
    ]),
  };
}

type Holder = { readonly name: string; readonly policies: readonly Policy[] };

/** Who has which policies, by the access key that the rehearsal gives them. */
function holdersOf(template: Template, account: Account): Map<string, Holder> {
  const holders = new Map<string, Holder>([
    [principals.agent, { name: 'agent', policies: account.policiesOf('IdentitiesAgentbitagentPolicy') }],
    [principals.operator, { name: 'operator', policies: account.policiesOf('IdentitiesOperatorPolicy') }],
  ]);
  for (const [logicalId, { Type }] of Object.entries(template.Resources)) {
    const isTask = Type === 'AWS::ECS::TaskDefinition' && !logicalId.includes('VerifyTask');
    if (!isTask && Type !== 'AWS::Lambda::Function') continue;
    const role = account.roleOf(logicalId);
    const name = role.replace(/^Handlers|Role$/g, '');
    holders.set(isTask ? principals.task : logicalId, { name, policies: account.policiesOf(role) });
  }
  return holders;
}

function matches(pattern: string, text: string): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`, 's').test(text);
}

function shorten(arn: string): string {
  return arn
    .replace(`arn:aws:s3:::${bucket}/`, '')
    .replace(topicArn, 'the topic')
    .replace(`arn:aws:s3:::${bucket}`, 'the bucket')
    .replace(/^arn:.*OffsiteStack-(\w+?)[0-9A-F]{8}/, '$1');
}
