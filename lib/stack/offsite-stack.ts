// What `cdk deploy` makes: the vault, the programs that guard it, and the policies for those outside. Only wiring
// stands here; each part says for itself what it is.

import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { Deployment } from '../core/deployment.ts';
import { Handlers } from './handlers.ts';
import { Identities } from './identities.ts';
import { RestoreTask } from './restore-task.ts';
import { Vault } from './vault.ts';

export type OffsiteStackProps = StackProps & { readonly deployment: Deployment };

/** The whole of offsite in one account and region. */
export class OffsiteStack extends Stack {
  constructor(scope: Construct, id: string, props: OffsiteStackProps) {
    super(scope, id, { description: 'Offsite archives of a BitAgent database', ...props });
    const { deployment } = props;
    const { bucket } = new Vault(this, 'Vault');
    const topic = new Topic(this, 'Reports', { enforceSSL: true });
    topic.addSubscription(new EmailSubscription(deployment.email));
    const restoreTask = new RestoreTask(this, 'RestoreTask', { bucket, topic });
    const handlers = new Handlers(this, 'Handlers', {
      deployment,
      bucket,
      topic,
      restoreTask,
    });
    const identities = new Identities(this, 'Identities', { bucket, sources: deployment.sources });
    this.addOutputs({
      BucketName: ['Where the archives are', bucket.bucketName],
      TopicArn: ['Where reports and alerts are published', topic.topicArn],
      AgentPolicyArn: ['For the host that makes archives', identities.agentPolicy.managedPolicyArn],
      OperatorPolicyArn: ['For whoever lists and restores', identities.operatorPolicy.managedPolicyArn],
      LaunchRestoreTestFunction: [
        'Invoke it for a restore test right now',
        handlers.launchRestoreTest.functionName,
      ],
    });
  }

  private addOutputs(outputs: Record<string, readonly [description: string, value: string]>): void {
    for (const [name, [description, value]] of Object.entries(outputs)) {
      new CfnOutput(this, name, { description, value });
    }
  }
}
