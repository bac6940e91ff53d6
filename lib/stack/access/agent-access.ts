// How a host that makes archives comes by its credentials: by itself (it has a role, or the operator attaches the
// policy), by the key of an IAM user, or by a certificate and IAM Roles Anywhere. Each source has its own, so that who
// steals those of one host reaches the names of its archives and no other's.

import { readFileSync } from 'node:fs';
import { Names, SecretValue, Token } from 'aws-cdk-lib';
import {
  AccessKey,
  type Conditions,
  ManagedPolicy,
  PolicyStatement,
  Role,
  ServicePrincipal,
  User,
} from 'aws-cdk-lib/aws-iam';
import { CfnProfile, CfnTrustAnchor } from 'aws-cdk-lib/aws-rolesanywhere';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { OffsiteError } from '../../base/errors.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import { acknowledge, acknowledgePrefixes } from './nag.ts';
import { agentPermissions } from './outsiders.ts';
import type { Keyed } from './statements.ts';

export type AgentAccessProps = Keyed & Pick<Deployment, 'sources' | 'agentAccess' | 'agentCa'>;

/** What the host of one source is given. */
export type Agent = {
  readonly source: string;
  readonly policy: ManagedPolicy;
  /** With `user`: holds `accessKeyId` and `secretAccessKey`. */
  readonly secret?: Secret | undefined;
  /** With `rolesAnywhere`: what a certificate in the source's name may assume. */
  readonly role?: Role | undefined;
};

/**
 * How many sources have agents of their own. CloudFormation takes 500 resources a stack, and 200 outputs; what is not the
 * agents' is some 150.
 *
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
 */
const mostAgents = { policy: 100, user: 60, rolesAnywhere: 60 } as const;

/** A tag of a principal: the source whose archives it may create, where policies of their own have run out. */
export const sourceTag = 'offsite-source';

/** What of it exists depends on how the agents are to come by their credentials. */
export class AgentAccess extends Construct {
  readonly agents: readonly Agent[];
  /** For the sources beyond the first hundred: it reaches the archives of the source that its bearer's tag names. */
  readonly taggedPolicy: ManagedPolicy | undefined;
  /** With `rolesAnywhere`: what the signing helper on each host is told, besides its role. */
  readonly rolesAnywhere: { readonly trustAnchorArn: string; readonly profileArn: string } | undefined;
  readonly #reach: Keyed;

  constructor(scope: Construct, id: string, props: AgentAccessProps) {
    super(scope, id);
    const { sources, agentAccess, agentCa = '' } = props;
    this.#reach = props;
    const most = mostAgents[agentAccess];
    if (agentAccess !== 'policy' && sources.length > most) throw tooManyAgents(props, most);
    const anchor = agentAccess === 'rolesAnywhere' ? this.trust(agentCa) : undefined;
    this.agents = sources.slice(0, most).map((source, index) => {
      // A token is no name of a construct.
      const own = new Construct(this, Token.isUnresolved(source) ? `Source${index}` : source);
      const policy = this.addPolicy(own, source, `creates archives of ${source}, and nothing else`);
      return {
        source,
        policy,
        secret: agentAccess === 'user' ? createKey(own, policy) : undefined,
        role: anchor && createRole(own, source, policy, anchor.attrTrustAnchorArn),
      };
    });
    this.taggedPolicy =
      sources.length > most
        ? this.addPolicy(
            this,
            `\${aws:PrincipalTag/${sourceTag}}`,
            `creates archives of the source that its tag ${sourceTag} names`,
          )
        : undefined;
    this.rolesAnywhere = anchor && this.profile(anchor);
  }

  private addPolicy(scope: Construct, source: string, what: string): ManagedPolicy {
    const statements = agentPermissions(this.#reach, source);
    const policy = new ManagedPolicy(scope, 'Policy', { description: `Offsite agent: ${what}`, statements });
    acknowledgePrefixes(policy, statements);
    return policy;
  }

  /** @see https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html */
  private trust(authority: string): CfnTrustAnchor {
    const name = Names.uniqueResourceName(this, { maxLength: 100 });
    return new CfnTrustAnchor(this, 'TrustAnchor', { name, enabled: true, source: sourceOf(authority) });
  }

  private profile({ name, attrTrustAnchorArn }: CfnTrustAnchor): AgentAccess['rolesAnywhere'] {
    const roleArns = this.agents.flatMap(({ role }) => role?.roleArn ?? []);
    const { attrProfileArn } = new CfnProfile(this, 'Profile', { name, enabled: true, roleArns });
    return { trustAnchorArn: attrTrustAnchorArn, profileArn: attrProfileArn };
  }
}

function createKey(scope: Construct, policy: ManagedPolicy): Secret {
  const user = new User(scope, 'User', { managedPolicies: [policy] });
  const { accessKeyId, secretAccessKey } = new AccessKey(scope, 'AccessKey', { user });
  const secret = new Secret(scope, 'Secret', {
    description: 'Offsite agent: the key of its IAM user',
    secretObjectValue: {
      // An identifier, and a reference in the template: nothing is shown by it.
      accessKeyId: SecretValue.unsafePlainText(accessKeyId),
      secretAccessKey,
    },
  });
  acknowledge(
    secret,
    'SMG4',
    'Whoever has the key may create archives and nothing else, and rotating it would take an agent that reads secrets. ' +
      'For keys that end by themselves there is agentAccess=rolesAnywhere.',
  );
  return secret;
}

/** For certificates whose common name is the source. */
function createRole(scope: Construct, source: string, policy: ManagedPolicy, trustAnchorArn: string): Role {
  const conditions: Conditions = {
    ArnEquals: { 'aws:SourceArn': trustAnchorArn },
    StringEquals: { 'aws:PrincipalTag/x509Subject/CN': source },
  };
  const certificates = new ServicePrincipal('rolesanywhere.amazonaws.com', { conditions });
  const role = new Role(scope, 'Role', {
    description: 'Offsite agent, by a certificate',
    assumedBy: certificates.withSessionTags(),
    managedPolicies: [policy],
  });
  role.assumeRolePolicy?.addStatements(
    new PolicyStatement({ actions: ['sts:SetSourceIdentity'], principals: [certificates] }),
  );
  return role;
}

function tooManyAgents({ sources, agentAccess }: AgentAccessProps, most: number): OffsiteError {
  return new OffsiteError('CONFIG_INVALID', `agentAccess=${agentAccess} is for ${most} sources at most`, {
    expected: `${most} sources: a stack holds 500 resources, and each agent takes some of them`,
    found: `${sources.length} sources`,
    hint: `deploy groups of sources as stacks of their own (docs/cloud.md), or take agentAccess=policy: beyond ${mostAgents.policy} sources it has one policy for all hosts that carry the tag ${sourceTag}`,
  });
}

function sourceOf(authority: string): CfnTrustAnchor.SourceProperty {
  if (Token.isUnresolved(authority) || authority.startsWith('arn:')) {
    return { sourceType: 'AWS_ACM_PCA', sourceData: { acmPcaArn: authority } };
  }
  return {
    sourceType: 'CERTIFICATE_BUNDLE',
    sourceData: { x509CertificateData: readCertificates(authority) },
  };
}

function readCertificates(path: string): string {
  const text = readText(path);
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length > 0) return `${certificates.join('\n')}\n`;
  throw new OffsiteError('CONFIG_INVALID', `agentCa: ${path} holds no certificate`, {
    expected: 'a PEM file with -----BEGIN CERTIFICATE-----',
    found: text.trim() === '' ? 'an empty file' : 'something else',
    hint: 'give the certificate of the authority, not its key: -c agentCa=ca.pem',
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new OffsiteError('CONFIG_INVALID', `agentCa: ${path} cannot be read`, {
      expected: 'a PEM file, or an ARN (arn:aws:acm-pca:…)',
      found: (error as Error).message,
      hint: 'the path is taken from where cdk is started',
    });
  }
}
