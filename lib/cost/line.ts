// Lines of a cost estimate: what is estimated for, and what one line says.

/** What is kept, and how it was deployed. */
export type EstimateInput = {
  /** Of one archive, as it is stored. */
  readonly compressedBytes: number;
  /** Of the plain dump in it. */
  readonly plainBytes: number;
  readonly archivesPerDay: number;
  readonly keepDays: number;
  readonly undoDays: number;
  readonly encryption: 's3' | 'kms';
  readonly agentAccess: 'policy' | 'user' | 'rolesAnywhere';
  readonly restoreTestNetwork: 'public' | 'endpoints';
  /** Age from which archives lie in Glacier Instant Retrieval. */
  readonly glacierAfterDays?: number | undefined;
  readonly region: string;
};

export type CostLine = {
  readonly what: string;
  /** What is reckoned with. */
  readonly basis: string;
  /** A month, in whole cents of the US dollar. */
  readonly cents: number;
};

/** What AWS bills as a GB. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/aws-usage-report-understand.html */
export const gib = 2 ** 30;

/** Makes a line, rounded to whole cents. */
export function line(what: string, basis: string, usd: number): CostLine {
  return { what, basis, cents: Math.round(usd * 100) };
}
