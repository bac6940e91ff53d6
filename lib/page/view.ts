// What a source's page is drawn from.

import type { CatalogueEntry } from '../archive/catalogue-of.ts';
import type { ProofLimits } from '../archive/overview.ts';
import type { Way } from '../recovery-point/way.ts';
import type { TestPoint } from '../report/history.ts';
import type { RestoreReport } from '../report/report.ts';
import type { StoredPlan } from '../retention/stored-plan.ts';

export type SourceView = {
  readonly source: string;
  readonly drawnAt: Date;
  readonly entries: readonly CatalogueEntry[];
  /** What retention decided last; `undefined` where it never did, `unread` where that could not be read. */
  readonly plan: StoredPlan | 'unread' | undefined;
  /** From which ages on proofs are overdue, where anybody watches. */
  readonly limits?: ProofLimits | undefined;
  /** Oldest first. */
  readonly tests: readonly TestPoint[];
  /** Where points in time can be recovered; the newest first. */
  readonly windows: readonly (Way & { readonly storedAt: Date | undefined; readonly arriving: boolean })[];
  /** The restore test that is shown in full, and where its report is: its key, or the file beside the page. */
  readonly shown?: { readonly report: RestoreReport; readonly kept: string } | undefined;
  /** Of AWS, for its prices; without it nothing is said of cost. */
  readonly region?: string | undefined;
  /** What could not be read, and why, as sentences. */
  readonly unread: readonly string[];
};
