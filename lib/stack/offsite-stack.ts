// What `cdk deploy` makes: the construct in a stack of its own, and outputs that name what an operator needs next.

import { CfnOutput, Stack, type StackProps, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Deployment } from '../deployment/deployment.ts';
import { type Agent, sourceTag } from './access/agent-access.ts';
import { OffsiteArchive } from './offsite-archive.ts';

export type OffsiteStackProps = StackProps & { readonly deployment: Deployment };

/** The whole of offsite in one account and region. */
export class OffsiteStack extends Stack {
  constructor(scope: Construct, id: string, { deployment, ...props }: OffsiteStackProps) {
    super(scope, id, {
      description: 'Offsite archives of a BitAgent database',
      terminationProtection: deployment.terminationProtection,
      ...props,
    });
    // The id `Default` is left out of logical ids: another one would name another bucket than the one that is deployed.
    const archive = new OffsiteArchive(this, 'Default', deployment);
    const { rolesAnywhere, taggedPolicy } = archive.agentAccess;
    this.addOutputs({
      BucketName: ['Where the archives are', archive.bucket.bucketName],
      TopicArn: ['Where reports and alerts are published', archive.topic.topicArn],
      DeadLettersUrl: ['Where events lie that could not be handled', archive.deadLetters.queueUrl],
      ...agentOutputs(archive.agentAccess.agents),
      TaggedAgentPolicyArn: [
        `For hosts whose role has the tag ${sourceTag}, the source`,
        taggedPolicy?.managedPolicyArn,
      ],
      AgentTrustAnchorArn: ['For the signing helper on the hosts', rolesAnywhere?.trustAnchorArn],
      AgentProfileArn: ['For the signing helper on the hosts', rolesAnywhere?.profileArn],
      OperatorPolicyArn: ['For whoever lists and restores', archive.operatorPolicy.managedPolicyArn],
      UndoPolicyArn: ['For whoever brings expired archives back', archive.undoPolicy.managedPolicyArn],
      OperatorRoleArn: ['Has that policy, for those of the account', archive.operatorRole.roleArn],
      AcceptPolicyArn: ['For whoever accepts suspicious archives', archive.acceptPolicy.managedPolicyArn],
      ReportFunction: ['For offsite alert-test --function', archive.handlers.report.functionName],
      LaunchRestoreTestFunction: [
        'Invoke it for a restore test right now',
        archive.handlers.launchRestoreTest.functionName,
      ],
      // The CDK prints outputs by their names: this one is the last.
      WhatNext: ['What to type next, on the host', nextCommand(archive)],
    });
  }

  private addOutputs(outputs: Outputs): void {
    for (const [name, [description, value]] of Object.entries(outputs)) {
      if (value !== undefined) new CfnOutput(this, name, { description, value });
    }
  }
}

/** In the shell of the host that makes archives, or of whoever gives it its credentials. */
function nextCommand({ bucket, agentAccess: { agents } }: OffsiteArchive): string {
  const secret = agents[0]?.secret;
  const first =
    secret === undefined
      ? ''
      : `aws secretsmanager get-secret-value --secret-id ${secret.secretArn} --query SecretString --output text; `;
  return `${first}export OFFSITE_BUCKET=${bucket.bucketName}; offsite doctor --container bitagent-postgres --user bitmagnet --dbname bitmagnet`;
}

type Outputs = Record<string, readonly [description: string, value: string | undefined]>;

/** By their plain names where there is one source, else with that of the source: `AgentPolicyArnMyAttic`. */
function agentOutputs(agents: readonly Agent[]): Outputs {
  const outputs = agents.map(({ source, policy, secret, role }, index): Outputs => {
    const which = agents.length === 1 ? '' : outputName(source, index);
    return {
      [`AgentPolicyArn${which}`]: [`For the host that makes archives of ${source}`, policy.managedPolicyArn],
      [`AgentSecretArn${which}`]: [`Holds the key for the host of ${source}`, secret?.secretArn],
      [`AgentRoleArn${which}`]: [`For the signing helper on the host of ${source}`, role?.roleArn],
    };
  });
  return Object.assign({}, ...outputs);
}

/** Letters and digits; where that would take two sources for one, its place tells them apart. */
function outputName(source: string, index: number): string {
  if (Token.isUnresolved(source)) return String(index + 1);
  const words = source.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${words.join('')}${/-\d|--/.test(source) ? `N${index + 1}` : ''}`;
}
