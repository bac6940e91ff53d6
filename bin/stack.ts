// The CDK app: context in, one stack out. `cdk` runs it (cdk.json); nobody else needs to.
// A wrong setting ends here with a sentence, before anything is built or asked of AWS.

import { Annotations, App } from 'aws-cdk-lib';
import { describeError, exitCodeOf, OffsiteError } from '../lib/base/errors.ts';
import { parseDeployment } from '../lib/deployment/deployment.ts';
import { OffsiteStack } from '../lib/stack/offsite-stack.ts';
import { preflight } from './preflight.ts';

const app = new App({ autoSynth: false });
try {
  const deployment = parseDeployment(app.node.getAllContext());
  const stack = new OffsiteStack(app, 'OffsiteStack', {
    deployment,
    // What stands in for AWS (moto) does not know that call.
    ...(process.env.AWS_ENDPOINT_URL !== undefined && { terminationProtection: false }),
  });
  for (const { id, sentence } of preflight(process.env, deployment))
    Annotations.of(stack).addWarningV2(`offsite:${id}`, sentence);
  app.synth();
} catch (error) {
  if (!(error instanceof OffsiteError)) throw error;
  console.error(describeError(error));
  process.exitCode = exitCodeOf(error);
}
