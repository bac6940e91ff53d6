// What AWS charges, in one table. Prices change: this is a copy with a date, to be checked, and no quotation.

/** When the price lists were looked at. */
export const pricesAsOf = '2026-09';

/** The lists that the table is a copy of: one a service, with the region's name in its address. */
export const priceSource =
  'https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/<service>/current/<region>/index.json';

/** Prices of one region, in US dollars, before taxes; the first tier of each, and no free tier. */
export type Prices = {
  /** A GB (decimal) for a month. @see https://aws.amazon.com/s3/pricing/ */
  readonly s3StandardGbMonth: number;
  readonly s3GlacierInstantGbMonth: number;
  /** PUT, POST, LIST; each. */
  readonly s3Put: number;
  /** GET; each. */
  readonly s3Get: number;
  /** Moving one object to Glacier Instant Retrieval. */
  readonly s3GlacierTransition: number;
  readonly s3GlacierRetrievalGb: number;
  /** To the internet, a GB. */
  readonly transferOutGb: number;
  /** On Arm. @see https://aws.amazon.com/lambda/pricing/ */
  readonly lambdaGbSecond: number;
  readonly lambdaRequest: number;
  /** A state transition of a standard workflow. @see https://aws.amazon.com/step-functions/pricing/ */
  readonly stepTransition: number;
  /** Linux on x86. @see https://aws.amazon.com/fargate/pricing/ */
  readonly fargateVcpuHour: number;
  readonly fargateGbHour: number;
  /** Of task storage above 20 GB. */
  readonly fargateStorageGbHour: number;
  /** Of gp3, and of what it does beyond 3000 operations and 125 MiB a second. @see https://aws.amazon.com/ebs/pricing/ */
  readonly ebsGbMonth: number;
  readonly ebsIopsMonth: number;
  readonly ebsThroughputMibMonth: number;
  /** @see https://aws.amazon.com/vpc/pricing/ */
  readonly publicIpv4Hour: number;
  /** An interface endpoint in one availability zone. @see https://aws.amazon.com/privatelink/pricing/ */
  readonly endpointHour: number;
  /** @see https://aws.amazon.com/ecr/pricing/ */
  readonly ecrGbMonth: number;
  /** A mail by SNS: published and delivered. @see https://aws.amazon.com/sns/pricing/ */
  readonly snsMail: number;
  /** Events of S3 are opt-in, and charged as one's own are. @see https://aws.amazon.com/eventbridge/pricing/ */
  readonly event: number;
  /** @see https://aws.amazon.com/cloudwatch/pricing/ */
  readonly alarmMonth: number;
  readonly metricMonth: number;
  readonly dashboardMonth: number;
  readonly logIngestedGb: number;
  readonly logStoredGbMonth: number;
  /** @see https://aws.amazon.com/kms/pricing/ */
  readonly kmsKeyMonth: number;
  readonly kmsRequest: number;
  /** @see https://aws.amazon.com/secrets-manager/pricing/ */
  readonly secretMonth: number;
};

/** The same in both regions. */
const everywhere = {
  s3GlacierTransition: 0.02 / 1000,
  s3GlacierRetrievalGb: 0.03,
  transferOutGb: 0.09,
  lambdaGbSecond: 0.000_013_333_4,
  lambdaRequest: 0.2 / 1e6,
  stepTransition: 0.025 / 1000,
  publicIpv4Hour: 0.005,
  ecrGbMonth: 0.1,
  snsMail: 0.5 / 1e6 + 2 / 1e5,
  event: 1 / 1e6,
  alarmMonth: 0.1,
  metricMonth: 0.3,
  dashboardMonth: 3,
  kmsKeyMonth: 1,
  kmsRequest: 0.03 / 10_000,
  secretMonth: 0.4,
} as const;

export const pricedRegions = ['us-east-1', 'eu-central-1'] as const;

export type PricedRegion = (typeof pricedRegions)[number];

export const prices: Readonly<Record<PricedRegion, Prices>> = {
  'us-east-1': {
    ...everywhere,
    s3StandardGbMonth: 0.023,
    s3GlacierInstantGbMonth: 0.004,
    s3Put: 0.005 / 1000,
    s3Get: 0.0004 / 1000,
    fargateVcpuHour: 0.040_48,
    fargateGbHour: 0.004_445,
    fargateStorageGbHour: 0.000_111,
    ebsGbMonth: 0.08,
    ebsIopsMonth: 0.005,
    ebsThroughputMibMonth: 0.04,
    endpointHour: 0.01,
    logIngestedGb: 0.5,
    logStoredGbMonth: 0.03,
  },
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
