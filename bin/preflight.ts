// What a deployment needs of this machine, looked at while synthesizing: a warning at the top, in place of an error after
// minutes, or of a stack in a region that nobody chose. No error, for `cdk diff` and `cdk destroy` come by here, too.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Deployment } from '../lib/deployment/deployment.ts';

export type Finding = { readonly id: string; readonly sentence: string };

const dockerWithinMs = 5000;

/**
 * Looks.
 *
 * @param environment - Of the process that cdk has started.
 */
export function preflight(
  environment: NodeJS.ProcessEnv,
  { email, build }: Pick<Deployment, 'email' | 'build'>,
): Finding[] {
  return [
    ...lookAtRegion(environment),
    ...(build === 'cloud' ? [] : lookAtDocker(environment)),
    ...lookAtEmail(email),
  ];
}

function lookAtRegion(environment: NodeJS.ProcessEnv): Finding[] {
  // With cdk alone: it says which region it has chosen, and that is this one where nobody has said anything.
  if (environment.CDK_DEFAULT_REGION !== 'us-east-1') return [];
  const { AWS_REGION, AWS_DEFAULT_REGION, AMAZON_REGION, AWS_CONFIG_FILE } = environment;
  if (AWS_REGION || AWS_DEFAULT_REGION || AMAZON_REGION) return [];
  if (/^\s*region\s*=/m.test(readIfThere(AWS_CONFIG_FILE ?? join(homedir(), '.aws', 'config')))) return [];
  const sentence =
    'No region is chosen, so cdk takes us-east-1. If that is not where the vault is to be: export AWS_REGION=eu-central-1 (yours) first.';
  return [{ id: 'noRegion', sentence }];
}

function lookAtDocker({ CDK_DOCKER = 'docker' }: NodeJS.ProcessEnv): Finding[] {
  try {
    execFileSync(CDK_DOCKER, ['version'], { stdio: 'ignore', timeout: dockerWithinMs });
    return [];
  } catch {
    const sentence = `Docker does not answer ('${CDK_DOCKER} version'): cdk deploy builds the restore test's image with it, and will fail. Start it (CDK_DOCKER names another program: podman, finch), or let the account build it: -c build=cloud.`;
    return [{ id: 'noDocker', sentence }];
  }
}

/** As the README writes it. */
function lookAtEmail(email: string): Finding[] {
  if (email !== 'you@example.com') return [];
  const sentence = `email=${email} is an address of the documentation: nobody reads what is mailed there. Give yours: -c email=…`;
  return [{ id: 'exampleEmail', sentence }];
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
