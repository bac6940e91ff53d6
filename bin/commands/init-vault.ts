// Of 'offsite init': which vault it is, and by whose credentials.

import { join } from 'node:path';
import { addProfile } from '../../lib/init/agent-profile.ts';
import { type AgentKey, type Outputs, readAgentKey, readOutputs } from '../../lib/init/stack.ts';
import { profileNames } from '../../lib/settings/aws.ts';
import { faultOfSetting } from '../../lib/settings/config.ts';
import { homeFolders } from '../../lib/settings/home.ts';
import type { RawSettings } from '../../lib/settings/layers.ts';
import { chooseProvider, providerNames } from '../../lib/store/provider.ts';
import type { Asking } from './asking.ts';
import { print } from './print.ts';
import { regionOf } from './region.ts';

export type VaultFlags = { operatorProfile?: string; stackName?: string; region?: string };

const agentProfile = 'offsite-agent';

const credentials = `
Two profiles of ~/.aws belong to this. The agent's lies on this host, may create
archives of its source and nothing else: whoever takes over the host can neither
read, change nor remove one. The operator's is yours: it lists, restores and
expires, and is better kept elsewhere.

`;

const toDeploy = `
From any machine with Docker and your AWS credentials, in a clone of this
repository (about $1.50 a month for 2 GB a night; 'offsite estimate' reckons it
for this database):

    npm ci
    npx cdk bootstrap -c email=you@example.com
    npx cdk deploy -c email=you@example.com -c agentAccess=user

Confirm the subscription that is mailed to you, and begin again: offsite init
`;

/** @returns `undefined` if there is none yet; what to do is said then. */
export async function askVault(
  asking: Asking,
  before: RawSettings,
  flags: VaultFlags,
  signal: AbortSignal,
): Promise<RawSettings | undefined> {
  const { bucket, region, endpoint, provider, profile } = before;
  const now = { bucket, region, endpoint, provider, profile };
  const way = await asking.choose(
    {
      text: 'Where shall archives go?',
      flag: '--bucket NAME',
      usual: bucket === undefined ? 'stack' : 'keep',
    },
    [
      ...(bucket === undefined
        ? []
        : [{ value: 'keep' as const, label: `bucket ${bucket}`, hint: 'as flags or settings say' }]),
      { value: 'stack', label: "my AWS account, where 'cdk deploy' has run" },
      { value: 'deploy', label: 'my AWS account, where nothing is deployed yet' },
      { value: 'store', label: 'another store that I have: R2, B2, Wasabi, MinIO, Ceph …' },
    ],
  );
  if (way === 'keep') return now;
  print(way === 'deploy' ? toDeploy : credentials);
  if (way === 'deploy') return undefined;
  return way === 'stack' ? fromStack(asking, now, flags, signal) : fromStore(asking, now);
}

async function fromStack(
  asking: Asking,
  now: RawSettings,
  { operatorProfile, stackName = 'OffsiteStack', region: named }: VaultFlags,
  signal: AbortSignal,
): Promise<RawSettings | undefined> {
  const region = await asking.text(
    { text: 'In which region?', flag: '--region', usual: regionOf({ region: named }) },
    (typed) => faultOfSetting('region', typed),
  );
  const operator =
    operatorProfile ?? (await askProfile(asking, "The operator's profile?", '--operator-profile'));
  const session = { region, ...(operator === environment ? {} : { profile: operator }) };
  const { CloudFormationClient } = await import('@aws-sdk/client-cloudformation');
  signal.throwIfAborted();
  const outputs = await readOutputs(new CloudFormationClient(session), stackName);
  if (outputs === undefined) {
    print(`There is no stack ${stackName} in ${region}, as far as these credentials see.\n${toDeploy}`);
    process.exitCode = 6;
    return undefined;
  }
  print(`The stack ${stackName} has its vault: ${outputs.BucketName}\n`);
  const profile = await agentProfileFrom(asking, outputs, session);
  return {
    bucket: outputs.BucketName,
    region,
    endpoint: undefined,
    provider: undefined,
    profile: profile ?? now.profile,
  };
}

/** @returns The agent's profile, where the stack made a key. */
async function agentProfileFrom(
  asking: Asking,
  outputs: Outputs,
  session: { region: string; profile?: string },
): Promise<string | undefined> {
  const secrets = Object.keys(outputs).filter((name) => name.startsWith('AgentSecretArn'));
  const [only] = secrets;
  if (only === undefined) {
    print('It made no key (agentAccess=user would): the role of this host needs AgentPolicyArn.\n');
    return undefined;
  }
  const secret = await asking.choose(
    {
      text: "Which source's key?",
      flag: '-- one source a stack',
      usual: secrets.length === 1 ? only : undefined,
    },
    secrets.map((value) => ({ value, label: value })),
  );
  const text = `Put the agent's key into ${credentialsFile()}, as profile ${agentProfile}?`;
  if (!(await asking.yesOrNo({ text, flag: '--profile NAME', usual: true }))) return undefined;
  const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  await keepKey(await readAgentKey(new SecretsManagerClient(session), outputs[secret] as string));
  return agentProfile;
}

/** Names as their owners write them, and an address of each. */
const stores = {
  r2: ['Cloudflare R2', 'https://ACCOUNT.r2.cloudflarestorage.com'],
  b2: ['Backblaze B2', 'https://s3.us-west-004.backblazeb2.com'],
  wasabi: ['Wasabi', 'https://s3.eu-central-1.wasabisys.com'],
  scaleway: ['Scaleway', 'https://s3.fr-par.scw.cloud'],
  minio: ['MinIO', 'http://nas:9000'],
  ceph: ['Ceph', 'https://s3.example.com'],
  other: ['another that speaks S3', 'https://s3.example.com'],
} as const;

/** Where the address names the region, as `s3.fr-par.scw.cloud` does, it is that. */
const regionInAddress = /\/\/s3\.([a-z]+(?:-[a-z]+)*-[a-z0-9]+)\.(?:backblazeb2|wasabisys|scw)\./;

async function fromStore(asking: Asking, now: RawSettings): Promise<RawSettings> {
  const text = (question: string, key: string, usual?: string) =>
    asking.text(
      { text: question, flag: `--${key}`, usual: (now[key] as string | undefined) ?? usual },
      (typed) => faultOfSetting(key, typed),
    );
  const provider = await asking.choose<keyof typeof stores>(
    { text: 'Which store?', flag: '--provider', usual: now.provider as keyof typeof stores | undefined },
    providerNames.filter((name) => name !== 'aws').map((value) => ({ value, label: stores[value][0] })),
  );
  const endpoint = await text(`Its address, as ${stores[provider][1]}?`, 'endpoint');
  const bucket = await text('Which bucket of it?', 'bucket');
  const region = await text(
    'In which region?',
    'region',
    regionInAddress.exec(endpoint)?.[1] ?? chooseProvider(provider, true).region ?? 'us-east-1',
  );
  const profile = await askProfile(asking, "The agent's credentials?", '--profile', true);
  if (profile !== typedNow) {
    return { bucket, region, endpoint, provider, profile: profile === environment ? undefined : profile };
  }
  const accessKeyId = await asking.text({ text: 'Access key id?', flag: '--profile' });
  const secretAccessKey = await asking.secret({ text: 'Secret access key?', flag: '--profile' });
  await keepKey({ accessKeyId, secretAccessKey });
  return { bucket, region, endpoint, provider, profile: agentProfile };
}

const environment = '(the environment)';
const typedNow = '(typed now)';

/** @param mayType - Whether a key of no profile yet can be given. */
async function askProfile(asking: Asking, text: string, flag: string, mayType = false): Promise<string> {
  const names = await profileNames();
  const isTyped = mayType && !names.includes(agentProfile);
  return asking.choose({ text, flag, usual: process.env.AWS_PROFILE || environment }, [
    ...names.map((value) => ({ value, label: `profile ${value} of ~/.aws` })),
    ...(isTyped
      ? [{ value: typedNow, label: `a key that I type now: profile ${agentProfile} is made of it` }]
      : []),
    { value: environment, label: 'AWS_* variables, or the role of this host' },
  ]);
}

const credentialsFile = () =>
  process.env.AWS_SHARED_CREDENTIALS_FILE || join(homeFolders()[0] ?? '/', '.aws', 'credentials');

async function keepKey(key: AgentKey): Promise<void> {
  const path = credentialsFile();
  const isAdded = await addProfile(path, agentProfile, key);
  print(
    isAdded
      ? `added profile ${agentProfile} to ${path}\n`
      : `${path} has a profile ${agentProfile}: it stays\n`,
  );
}
