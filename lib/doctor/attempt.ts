// Something that is looked at, and may fail.

import { OffsiteError } from '../base/errors.ts';
import { type Check, failedCheck } from './diagnosis.ts';

/** The value, or the failed check that stands for it. */
export async function attempt<Value>(name: string, look: () => Promise<Value>): Promise<Value | Check> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof OffsiteError && error.code !== 'INTERRUPTED') return failedCheck(name, error);
    throw error;
  }
}
