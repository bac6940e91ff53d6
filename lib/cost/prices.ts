// What AWS charges, in one table. Prices change: this is a copy with a date, to be checked, and no quotation.

/** When the price lists were looked at. */
export const pricesAsOf = '2026-09';

/** The lists that the table is a copy of: one a service, with the region's name in its address. */
export const priceSource =
  'https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/<service>/current/<region>/index.json';

/** The same in both regions. */
const everywhere = {
  /** Moving one object to Glacier Instant Retrieval. */
  s3GlacierTransition: 0.02 / 1000,
  s3GlacierRetrievalGb: 0.03,
  /** To the internet, a GB. */
  transferOutGb: 0.09,
  /** On Arm. @see https://aws.amazon.com/lambda/pricing/ */
  lambdaGbSecond: 0.000_013_333_4,
  lambdaRequest: 0.2 / 1e6,
  /** A state transition of a standard workflow. @see https://aws.amazon.com/step-functions/pricing/ */
  stepTransition: 0.025 / 1000,
  /** @see https://aws.amazon.com/vpc/pricing/ */
  publicIpv4Hour: 0.005,
  /** @see https://aws.amazon.com/ecr/pricing/ */
  ecrGbMonth: 0.1,
  /** A mail by SNS: published and delivered. @see https://aws.amazon.com/sns/pricing/ */
  snsMail: 0.5 / 1e6 + 2 / 1e5,
  /** Events of S3 are opt-in, and charged as one's own are. @see https://aws.amazon.com/eventbridge/pricing/ */
  event: 1 / 1e6,
  /** @see https://aws.amazon.com/cloudwatch/pricing/ */
  alarmMonth: 0.1,
  metricMonth: 0.3,
  dashboardMonth: 3,
  /** @see https://aws.amazon.com/kms/pricing/ */
  kmsKeyMonth: 1,
  kmsRequest: 0.03 / 10_000,
  /** @see https://aws.amazon.com/secrets-manager/pricing/ */
  secretMonth: 0.4,
};

const virginia = {
  ...everywhere,
  /** A GB (decimal) for a month. @see https://aws.amazon.com/s3/pricing/ */
  s3StandardGbMonth: 0.023,
  s3GlacierInstantGbMonth: 0.004,
  /** PUT, POST, LIST; each. */
  s3Put: 0.005 / 1000,
  /** GET; each. */
  s3Get: 0.0004 / 1000,
  /** Linux on x86. @see https://aws.amazon.com/fargate/pricing/ */
  fargateVcpuHour: 0.040_48,
  fargateGbHour: 0.004_445,
  /** Of task storage above 20 GB. */
  fargateStorageGbHour: 0.000_111,
  /** Of gp3, and of what it does beyond 3000 operations and 125 MiB a second. @see https://aws.amazon.com/ebs/pricing/ */
  ebsGbMonth: 0.08,
  ebsIopsMonth: 0.005,
  ebsThroughputMibMonth: 0.04,
  /** An interface endpoint in one availability zone. @see https://aws.amazon.com/privatelink/pricing/ */
  endpointHour: 0.01,
  logIngestedGb: 0.5,
  logStoredGbMonth: 0.03,
};

/** Prices of one region, in US dollars, before taxes; the first tier of each, and no free tier. */
export type Prices = Readonly<Record<keyof typeof virginia, number>>;

export const pricedRegions = ['us-east-1', 'eu-central-1'] as const;

export type PricedRegion = (typeof pricedRegions)[number];

export const prices: Readonly<Record<PricedRegion, Prices>> = {
  'us-east-1': virginia,
  'eu-central-1': {
    ...everywhere,
    s3StandardGbMonth: 0.0245,
    s3GlacierInstantGbMonth: 0.005,
    s3Put: 0.0054 / 1000,
    s3Get: 0.000_43 / 1000,
    fargateVcpuHour: 0.046_56,
    fargateGbHour: 0.005_11,
    // Not confirmed; London's, whose other two prices of Fargate are the same.
    fargateStorageGbHour: 0.000_129,
    ebsGbMonth: 0.0952,
    ebsIopsMonth: 0.006,
    ebsThroughputMibMonth: 0.048,
    // Not confirmed; as dear, against us-east-1, as the other services there.
    endpointHour: 0.012,
    logIngestedGb: 0.63,
    logStoredGbMonth: 0.0324,
  },
};

/**
 * Chooses whose prices to reckon with.
 *
 * @param region - Where it is deployed.
 * @returns The region itself where it is in the table; else the nearer one in price: us-east-1 for the other regions of
 *   the United States, eu-central-1, which is dearer, for all others.
 */
export function pricedLike(region: string): PricedRegion {
  const known = pricedRegions.find((name) => name === region);
  return known ?? (/^us-(?!gov)/.test(region) ? 'us-east-1' : 'eu-central-1');
}
