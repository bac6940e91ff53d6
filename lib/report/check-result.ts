// What one named check of a restored database said. Pass, warn or fail: a warning is reported and proves nothing wrong.

import * as z from 'zod';

export const checkResultSchema = z.object({
  /** As the file of checks calls it: `torrents_count`. */
  name: z.string(),
  outcome: z.enum(['pass', 'warn', 'fail']),
  /** What was found, in one line. */
  detail: z.string(),
  /** `shipped` with this program, or the operator's `own`. */
  origin: z.enum(['shipped', 'own']),
  durationMs: z.number().nonnegative(),
});

export type CheckResult = z.infer<typeof checkResultSchema>;
