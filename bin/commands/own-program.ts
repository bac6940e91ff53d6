import { dirname, join, resolve } from 'node:path';

/** The program that starts this one: `bin/offsite`, beside bin/offsite.ts or dist/offsite.cjs. */
export const ownProgram = join(dirname(dirname(resolve(process.argv[1] ?? ''))), 'bin', 'offsite');
