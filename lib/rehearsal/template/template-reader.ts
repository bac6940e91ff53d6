// Reads resources of a type from a synthesized template, their intrinsics resolved and their properties checked.

import * as z from 'zod';
import { createResolver, type Deployed, type Template } from './template.ts';

export type Found<T> = {
  readonly logicalId: string;
  readonly ref: string;
  readonly arn: string;
  readonly properties: T;
};

/** @throws Error At a resource that is not of the form that the schema says. */
export type Reader = <T>(type: string, schema: z.ZodType<T>) => Found<T>[];

export function createReader(template: Template, deployed: Deployed): Reader {
  const resolve = createResolver(template, deployed);
  return (type, schema) =>
    logicalIdsOf(template, type).map((logicalId) => {
      const parsed = schema.safeParse(resolve(template.Resources[logicalId]?.Properties ?? {}));
      if (!parsed.success) {
        throw new Error(
          `${logicalId} (${type}) cannot be rehearsed as it is: ${z.prettifyError(parsed.error)}`,
        );
      }
      return {
        logicalId,
        ref: String(resolve({ Ref: logicalId })),
        arn: String(resolve({ 'Fn::GetAtt': [logicalId, 'Arn'] })),
        properties: parsed.data,
      };
    });
}

export function logicalIdsOf(template: Template, type: string): string[] {
  return Object.entries(template.Resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([logicalId]) => logicalId);
}
