// How the host that makes archives comes by its credentials: by itself (it has a role, or the operator attaches the
// policy), by the key of an IAM user, or by a certificate and IAM Roles Anywhere. In each way it may do the same.

import { readFileSync } from 'node:fs';
import { Names, SecretValue, Token } from 'aws-cdk-lib';
import {
  AccessKey,
  type ManagedPolicy,
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
import { acknowledge } from './nag.ts';

export type AgentAccessProps = Pick<Deployment, 'agentAccess' | 'agentCa'> & {
  readonly policy: ManagedPolicy;
};

/** What of it exists depends on how the agent is to come by its credentials. */
export class AgentAccess extends Construct {
  /** With `user`: holds `accessKeyId` and `secretAccessKey`. */
  readonly secret: Secret | undefined;
  /** With `rolesAnywhere`: what the signing helper on the host is told. */
  readonly rolesAnywhere:
    | { readonly trustAnchorArn: string; readonly profileArn: string; readonly roleArn: string }
    | undefined;

  constructor(scope: Construct, id: string, { agentAccess, agentCa = '', policy }: AgentAccessProps) {
    super(scope, id);
    this.secret = agentAccess === 'user' ? this.createKey(policy) : undefined;
    this.rolesAnywhere = agentAccess === 'rolesAnywhere' ? this.trust(agentCa, policy) : undefined;
  }

  private createKey(policy: ManagedPolicy): Secret {
    const user = new User(this, 'User', { managedPolicies: [policy] });
    const { accessKeyId, secretAccessKey } = new AccessKey(this, 'AccessKey', { user });
    const secret = new Secret(this, 'Secret', {
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

  /** @see https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html */
  private trust(authority: string, policy: ManagedPolicy): NonNullable<AgentAccess['rolesAnywhere']> {
    const name = Names.uniqueResourceName(this, { maxLength: 100 });
    const { attrTrustAnchorArn: trustAnchorArn } = new CfnTrustAnchor(this, 'TrustAnchor', {
      name,
      enabled: true,
      source: sourceOf(authority),
    });
    const certificates = new ServicePrincipal('rolesanywhere.amazonaws.com', {
      conditions: { ArnEquals: { 'aws:SourceArn': trustAnchorArn } },
    });
    const role = new Role(this, 'Role', {
      description: 'Offsite agent, by a certificate',
      assumedBy: certificates.withSessionTags(),
      managedPolicies: [policy],
    });
    role.assumeRolePolicy?.addStatements(
      new PolicyStatement({ actions: ['sts:SetSourceIdentity'], principals: [certificates] }),
    );
    const { attrProfileArn: profileArn } = new CfnProfile(this, 'Profile', {
      name,
      enabled: true,
      roleArns: [role.roleArn],
    });
    return { trustAnchorArn, profileArn, roleArn: role.roleArn };
  }
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
