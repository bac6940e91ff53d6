// Those outside of the cloud: the host that makes archives, and the operator. What they may do stands in identities.ts;
// here is how they come by it.

import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Deployment } from '../core/deployment.ts';
import { AgentAccess } from './agent-access.ts';
import { agentPermissions, operatorReadPermissions, type Reach, undoPermissions } from './identities.ts';

export type AccessProps = Pick<Reach, 'bucket' | 'key'> &
  Pick<Deployment, 'sources' | 'agentAccess' | 'agentCa'>;

/** The policies, and the credentials where the operator asked for them. */
export class Access extends Construct {
  readonly agentPolicy: ManagedPolicy;
  readonly agentAccess: AgentAccess;
  readonly operatorPolicy: ManagedPolicy;
  readonly undoPolicy: ManagedPolicy;

  constructor(scope: Construct, id: string, props: AccessProps) {
    super(scope, id);
    this.agentPolicy = new ManagedPolicy(this, 'AgentPolicy', {
      description: 'Offsite agent: creates archives of its sources, and nothing else',
      statements: agentPermissions(props, props.sources),
    });
    this.agentAccess = new AgentAccess(this, 'Agent', { ...props, policy: this.agentPolicy });
    this.operatorPolicy = new ManagedPolicy(this, 'OperatorPolicy', {
      description: 'Offsite operator: lists, fetches and restores archives',
      statements: operatorReadPermissions(props),
    });
    this.undoPolicy = new ManagedPolicy(this, 'UndoPolicy', {
      description: 'Offsite undo: brings expired archives back',
      statements: undoPermissions(props),
    });
  }
}
