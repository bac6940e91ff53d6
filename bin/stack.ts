// The CDK app: context in, one stack out. `cdk` runs it (cdk.json); nobody else needs to.
// A wrong setting ends here with a sentence, before anything is built or asked of AWS.

import { App } from 'aws-cdk-lib';
import { describeError, exitCodeOf, OffsiteError } from '../lib/base/errors.ts';
import { parseDeployment } from '../lib/deployment/deployment.ts';
import { OffsiteStack } from '../lib/stack/offsite-stack.ts';

const app = new App({ autoSynth: false });
try {
  new OffsiteStack(app, 'OffsiteStack', { deployment: parseDeployment(app.node.getAllContext()) });
  app.synth();
} catch (error) {
  if (!(error instanceof OffsiteError)) throw error;
  console.error(describeError(error));
  process.exitCode = exitCodeOf(error);
}
