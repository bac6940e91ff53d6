// Holds a stack against the limits of AWS while it is synthesized: nothing has been written or uploaded by then.

import { CfnElement, type Stack, Token } from 'aws-cdk-lib';
import { OffsiteError } from '../base/errors.ts';
import { describeExcess, findExcesses, type Template } from './limits.ts';

/**
 * Asks whether AWS would take the stack.
 *
 * @returns Nothing: what it gives a construct's validation.
 * @throws {@link OffsiteError} `CONFIG_INVALID` naming all that is too large.
 */
export function refuseExcesses(stack: Stack): [] {
  const name = Token.isUnresolved(stack.stackName) ? 'Stack' : stack.stackName;
  const excesses = findExcesses(templateOf(stack), name);
  if (excesses.length === 0) return [];
  throw new OffsiteError('CONFIG_INVALID', 'AWS would not take this stack', {
    expected: 'a stack within the limits of AWS',
    found: excesses.map(describeExcess).join('\n'),
    hint: 'nothing was deployed; let two stacks have some of the sources each',
  });
}

/** What will be written, before it is. */
function templateOf(stack: Stack): Template {
  const template: Record<string, Record<string, unknown>> = {};
  for (const element of stack.node.findAll()) {
    if (!CfnElement.isCfnElement(element) || element.stack !== stack) continue;
    const parts: Record<string, unknown> = stack.resolve(element._toCloudFormation()) ?? {};
    for (const [section, entries] of Object.entries(parts)) {
      template[section] = Object.assign(template[section] ?? {}, entries);
    }
  }
  return template as Template;
}
