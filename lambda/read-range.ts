import { createS3Store } from '../lib/store/s3.ts';
import { rangeTaskSchema } from '../lib/verify/plan.ts';
import { readRange } from '../lib/verify/read-range.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';

/** Re-reads one range of a large archive. */
export const handler = chain(rangeTaskSchema, async (task) => {
  const { bucket } = environment('bucket');
  const compressedBytes = await readRange(createS3Store({ bucket }), task);
  logger.info('read', { id: task.id, index: task.index, again: task.again, compressedBytes });
  return { index: task.index };
});
