// How far the account's own test has come, in a file: what is interrupted or fails goes on from there, or is cleaned up.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as z from 'zod';

const stateSchema = z.object({
  stackName: z.string(),
  region: z.string(),
  /** Titles of the steps that are done. */
  done: z.array(z.string()).default([]),
  outputs: z.record(z.string(), z.string()).default({}),
  archiveId: z.string().optional(),
  queueUrl: z.string().optional(),
});

export type IntegState = z.infer<typeof stateSchema>;

/** The state that the file holds; `undefined` if there is none. */
export function readState(file: string): IntegState | undefined {
  return existsSync(file) ? stateSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
}

export function writeState(file: string, state: IntegState): void {
  writeFileSync(file, `${JSON.stringify(state, undefined, 1)}\n`);
}

export function forgetState(file: string): void {
  rmSync(file, { force: true });
}
