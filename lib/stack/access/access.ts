// Those outside of the cloud: the host that makes archives, and the operator. What they may do stands in outsiders.ts;
// here is how they come by it.

import { Duration, Stack } from 'aws-cdk-lib';
import { AccountPrincipal, ManagedPolicy, type PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Deployment } from '../../deployment/deployment.ts';
import { AgentAccess } from './agent-access.ts';
import { acknowledgePrefixes } from './nag.ts';
import { acceptPermissions, operatorPermissions, undoPermissions } from './outsiders.ts';
import type { Keyed } from './statements.ts';

export type AccessProps = Keyed &
  Pick<Deployment, 'sources' | 'agentAccess' | 'agentCa' | 'operatorMfa'> & {
    /** Of the function that mails. */
    readonly reportArn: string;
  };

/** The policies, and the credentials where the operator asked for them. */
export class Access extends Construct {
  readonly agentAccess: AgentAccess;
  readonly operatorPolicy: ManagedPolicy;
  /** Has that policy: for whoever of the account may assume roles, and does not want to read archives all day. */
  readonly operatorRole: Role;
  readonly undoPolicy: ManagedPolicy;
  readonly acceptPolicy: ManagedPolicy;

  constructor(scope: Construct, id: string, props: AccessProps) {
    super(scope, id);
    this.agentAccess = new AgentAccess(this, 'Agent', props);
    this.operatorPolicy = this.addPolicy(
      'OperatorPolicy',
      'Offsite operator: lists, fetches and restores archives',
      operatorPermissions(props),
    );
    const ofAccount = new AccountPrincipal(Stack.of(this).account);
    this.operatorRole = new Role(this, 'OperatorRole', {
      description: 'Offsite operator: lists, fetches and restores archives',
      assumedBy: props.operatorMfa
        ? ofAccount.withConditions({ Bool: { 'aws:MultiFactorAuthPresent': 'true' } })
        : ofAccount,
      managedPolicies: [this.operatorPolicy],
      // A restore of tens of gigabytes goes on for longer than the hour that is the default.
      maxSessionDuration: Duration.hours(12),
    });
    this.undoPolicy = this.addPolicy(
      'UndoPolicy',
      'Offsite undo: brings expired archives back',
      undoPermissions(props),
    );
    this.acceptPolicy = this.addPolicy(
      'AcceptPolicy',
      'Offsite accept: says that a suspicious archive is right',
      acceptPermissions(props),
    );
  }

  private addPolicy(id: string, description: string, statements: PolicyStatement[]): ManagedPolicy {
    const policy = new ManagedPolicy(this, id, { description, statements });
    acknowledgePrefixes(policy, statements);
    return policy;
  }
}
