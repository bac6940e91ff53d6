// The CDK app of the account's own test: the stack that everybody deploys, under a name of its own.

import { App } from 'aws-cdk-lib';
import { parseDeployment } from '../../lib/deployment/deployment.ts';
import { OffsiteStack } from '../../lib/stack/offsite-stack.ts';

const app = new App();
const name = process.env.INTEG_STACK ?? 'OffsiteInteg';
new OffsiteStack(app, name, { deployment: parseDeployment(app.node.getAllContext()) });
