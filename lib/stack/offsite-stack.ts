// What `cdk deploy` makes: the construct in a stack of its own, and outputs that name what an operator needs next.

import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Deployment } from '../deployment/deployment.ts';
import { OffsiteArchive } from './offsite-archive.ts';

export type OffsiteStackProps = StackProps & { readonly deployment: Deployment };

/** The whole of offsite in one account and region. */
export class OffsiteStack extends Stack {
  constructor(scope: Construct, id: string, { deployment, ...props }: OffsiteStackProps) {
    super(scope, id, { description: 'Offsite archives of a BitAgent database', ...props });
    // The id `Default` is left out of logical ids: another one would name another bucket than the one that is deployed.
    const archive = new OffsiteArchive(this, 'Default', deployment);
    const { secret, rolesAnywhere } = archive.agentAccess;
    this.addOutputs({
      BucketName: ['Where the archives are', archive.bucket.bucketName],
      TopicArn: ['Where reports and alerts are published', archive.topic.topicArn],
      DeadLettersUrl: ['Where events lie that could not be handled', archive.deadLetters.queueUrl],
      AgentPolicyArn: ['For the host that makes archives', archive.agentPolicy.managedPolicyArn],
      AgentSecretArn: ['Holds the key for the host that makes archives', secret?.secretArn],
      AgentTrustAnchorArn: ['For the signing helper on the host', rolesAnywhere?.trustAnchorArn],
      AgentProfileArn: ['For the signing helper on the host', rolesAnywhere?.profileArn],
      AgentRoleArn: ['For the signing helper on the host', rolesAnywhere?.roleArn],
      OperatorPolicyArn: ['For whoever lists and restores', archive.operatorPolicy.managedPolicyArn],
      UndoPolicyArn: ['For whoever brings expired archives back', archive.undoPolicy.managedPolicyArn],
      OperatorRoleArn: ['Has that policy, for those of the account', archive.operatorRole.roleArn],
      AcceptPolicyArn: ['For whoever accepts suspicious archives', archive.acceptPolicy.managedPolicyArn],
      LaunchRestoreTestFunction: [
        'Invoke it for a restore test right now',
        archive.handlers.launchRestoreTest.functionName,
      ],
    });
  }

  private addOutputs(
    outputs: Record<string, readonly [description: string, value: string | undefined]>,
  ): void {
    for (const [name, [description, value]] of Object.entries(outputs)) {
      if (value !== undefined) new CfnOutput(this, name, { description, value });
    }
  }
}
