// The stack synthesized once for all test files of a process, and words to read its template by: logical ids without their hash,
// intrinsics as the names they stand for, policies as lines of `action on resource`.

import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { expect } from 'vitest';
import { parseDeployment } from '../../lib/deployment/deployment.ts';
import { OffsiteStack } from '../../lib/stack/offsite-stack.ts';
import { projectRoot } from '../fixtures/cdk.ts';

type Properties = Record<string, never>;
type Statement = { Action: string | string[]; Resource: unknown; Condition?: object; Effect: string };

/** Every setting differs from its default, so that one that does not arrive shows. */
const settings = {
  email: 'op@example.com',
  alsoNotify: 'second@example.com, https://hooks.example.com/a/b,arn:aws:sqs:eu-central-1:111122223333:pager',
  sources: 'bitagent,attic',
  keepDays: '21',
  keepIntact: '5',
  keepWeekly: '8',
  keepMonthly: '12',
  keepYearly: '3',
  rereadPercent: '25',
  freshnessHours: '30',
  restoreTestDays: '120',
  undoDays: '9',
  postgresMajor: '17',
};

/** Of a folder, at whatever depth, in their order. */
export const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .sort();

const synthesized = new Map<string, ReturnType<typeof synthesizeAnew>>();

/**
 * Synthesizes with the feature flags of `cdk.json`, bundles and all, into a directory of the run's own.
 *
 * @param more - Settings over those that all tests have.
 */
export function synthesize(more: Readonly<Record<string, string>> = {}) {
  const key = JSON.stringify(more);
  const found = synthesized.get(key) ?? synthesizeAnew(more);
  synthesized.set(key, found);
  return found;
}

function synthesizeAnew(more: Readonly<Record<string, string>>) {
  const outdir = mkdtempSync(join(process.env.SUITE_FOLDER ?? '', 'stack-'));
  const { context } = JSON.parse(readFileSync(join(projectRoot, 'cdk.json'), 'utf8'));
  const app = new App({ context, outdir });
  const stack = new OffsiteStack(app, 'OffsiteStack', {
    deployment: parseDeployment({ ...settings, ...more }),
  });
  app.synth();
  const template = Template.fromStack(stack);
  const resources: Record<string, { Type: string; Properties: Properties }> = template.toJSON().Resources;

  function byName(type: string, name: string): { id: string; properties: Properties } {
    const found = Object.entries(resources).filter(([id, { Type }]) => Type === type && nameOf(id) === name);
    expect(found.length, `${type} ${name}`).toBe(1);
    const [[id, { Properties }]] = found as [(typeof found)[number]];
    return { id, properties: Properties };
  }

  function statementsOf(type: string, name: string): Statement[] {
    const document = byName(type, name).properties.PolicyDocument as unknown as { Statement: Statement[] };
    return document.Statement;
  }

  /** A policy as sorted lines of `action on resource`, with ` if key is value` where there is a condition. */
  function allowed(type: string, name: string): string[] {
    return statementsOf(type, name)
      .flatMap(({ Action, Resource, Condition, Effect }) => {
        expect(Effect).toBe('Allow');
        const condition = Condition ? ` if ${describeCondition(Condition)}` : '';
        return [Action]
          .flat()
          .flatMap((action) =>
            [Resource].flat().map((resource) => `${action} on ${plain(resource)}${condition}`),
          );
      })
      .sort();
  }

  return { outdir, template, resources, byName, statementsOf, allowed };
}

/** `{ Ref }`, `{ Fn::GetAtt }`, `{ Fn::Join }` as one readable string; logical ids without their hash. */
export function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[name, argument] = []] = Object.entries(value as object) as [string, never][];
  if (name === 'Ref') return nameOf(argument as unknown as string);
  if (name === 'Fn::GetAtt') return nameOf((argument as unknown as string[])[0] as string);
  if (name === 'Fn::Sub') return argument as unknown as string;
  if (name === 'Fn::Join') {
    const [separator, parts] = argument as unknown as [string, unknown[]];
    return parts.map(plain).join(separator);
  }
  if (name === 'Fn::Select') {
    const [index, list] = argument as unknown as [number, { 'Fn::Split': [string, unknown] }];
    return `${index} of ${plain(list['Fn::Split'][1])}`;
  }
  throw new Error(`not known here: ${JSON.stringify(value)}`);
}

export function nameOf(logicalId: string): string {
  return logicalId.replace(/[0-9A-F]{8}$/, '');
}

function describeCondition(condition: object): string {
  return Object.values(condition)
    .flatMap((test) => Object.entries(test as object))
    .map(([key, value]) => `${key} is ${[value].flat().map(plain).join(' or ')}`)
    .join(' and ');
}
