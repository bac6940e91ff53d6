import { rangeTaskSchema } from '../lib/core/verify-plan.ts';
import { createS3Store } from '../lib/io/s3-store.ts';
import { readRange } from '../lib/steps/read-range.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';

/** Re-reads one range of a large archive. */
export const handler = chain(rangeTaskSchema, async (task) => {
  const { bucket } = environment('bucket');
  const compressedBytes = await readRange(createS3Store({ bucket }), task);
  logger.info('read', { id: task.id, index: task.index, again: task.again, compressedBytes });
  return { index: task.index };
});
