// What a month costs, line by line. Each line says what it reckons with, so that a reader can find fault with it; where
// something can only be guessed, the guess is the dearer one.

import { formatBytes, formatCount, formatDuration } from '../base/quantities.ts';
import { type CostLine, type EstimateInput, gib, lifeOf, line, storageLines } from '../cost/lines.ts';
import { pointLines } from '../cost/point-lines.ts';
import { type PricedRegion, type Prices, pricedLike, prices } from '../cost/prices.ts';
import { restoreTaskFor } from '../cost/task-cost.ts';
import { chooseProvider } from '../store/provider.ts';

export type Estimate = {
  readonly pricedLike: PricedRegion;
  readonly lines: readonly CostLine[];
  /** The sum of the lines: with `monitoring: lean`. */
  readonly totalCents: number;
  /** What `monitoring: full` adds, and the sum of all. */
  readonly full: { readonly lines: readonly CostLine[]; readonly totalCents: number };
  /** What is not there each month: bringing one archive to the operator. */
  readonly fetchOnce: CostLine;
};

const hoursPerMonth = 730;
const daysPerMonth = hoursPerMonth / 24;

/** Memory of the handlers, MB; a test compares them with the template. */
export const handlerMb = { verify: 1769, watch: 512, expire: 512 } as const;

/** What stands in CloudWatch, by the setting `monitoring`, for one source; a test compares it with the template. */
export const inCloudWatch = {
  lean: { alarms: 4 },
  /** Metrics: two ages of the source, and the worst ones; the others come with the night, or with a log. */
  fullBesides: { alarms: 5, dashboards: 1, hourlyMetrics: 4, nightlyMetrics: 19, logMetrics: 4 },
} as const;

/** Of the restore test's network, where it has no way to the internet; a test compares them with the template. */
export const interfaceEndpoints = 4;

/** S3 gives a handler 75 to 90 MB/s. @see docs/performance.md */
const readBytesPerSecond = 75e6;
/** One thread with the handler's own reader: 430 to 470 MB/s of plain text. @see docs/performance.md */
const inflateBytesPerSecond = 430e6;
/** Of one run of a handler; Lambda adds its own three lines. */
const logBytesPerRun = 4000;
/** The restore test's image, compressed: Postgres, Node, this program. */
const imageBytes = 250e6;
/** Past these, ranges of an archive are verified side by side. */
const oneReader = { compressedBytes: 32 * 2 ** 30, plainBytes: 256 * 2 ** 30, rangeBytes: 4 * 2 ** 30 };
/** Four restore tests a year, and a few mails about things that are not as they should be. */
const mailsPerMonth = 5;

/**
 * Estimates what a month costs once as many archives lie in the vault as are kept.
 *
 * @remarks Without taxes and without any free tier: a new account pays less.
 */
export function estimateCost(input: EstimateInput): Estimate {
  const region = pricedLike(input.region);
  const price = prices[region];
  const lines = [
    ...[storageLines, pointLines].flatMap((linesOf) => linesOf(input, price)),
    ...requestLines(input, price),
    ...computeLines(input, price),
    ...noticeLines(input, price),
    ...optionLines(input, price),
  ];
  const besides = figureLines(input, price);
  return {
    pricedLike: region,
    lines,
    totalCents: sumOf(lines),
    full: { lines: besides, totalCents: sumOf([...lines, ...besides]) },
    fetchOnce: fetchLine(input, price),
  };
}

function sumOf(lines: readonly CostLine[]): number {
  return lines.reduce((sum, { cents }) => sum + cents, 0);
}

/** Requests a month: for each archive, and for the hourly and daily looks at the vault. */
function requestsOf({ compressedBytes, archivesPerDay }: EstimateInput) {
  const archives = archivesPerDay * daysPerMonth;
  // Longer archives have longer parts, planned for twice the length.
  const parts = Math.min(Math.ceil(compressedBytes / minPartBytes), maxParts / 2);
  // Parts, beginning, completing; manifest and verdict.
  const puts = archives * (parts + 4);
  // Archive twice (looked at, read), manifest, verdict before; a few more where ranges are read.
  const gets = archives * (4 + Math.ceil(compressedBytes / oneReader.rangeBytes));
  // Hourly: lists of folders, archives, verdicts, reports; the newest verdict and report, what was told. Daily much the same.
  const looks = hoursPerMonth + daysPerMonth;
  return { puts, gets, lookPuts: looks * 5, lookGets: looks * 5 };
}

const { minPartBytes, maxParts } = chooseProvider('aws', false).parts;

function requestLines(input: EstimateInput, price: Prices): CostLine[] {
  const { puts, gets, lookPuts, lookGets } = requestsOf(input);
  const usd = (put: number, get: number) => put * price.s3Put + get * price.s3Get;
  // Archive and manifest.
  const moved = lifeOf(input).moves ? input.archivesPerDay * daysPerMonth * 2 : 0;
  return [
    line('S3 requests: upload, verify', `${round(puts)} PUT, ${round(gets)} GET`, usd(puts, gets)),
    line(
      'S3 requests: watch, expire',
      `${round(lookPuts)} LIST, ${round(lookGets)} GET`,
      usd(lookPuts, lookGets),
    ),
    ...(moved > 0
      ? [line('S3: moved to Glacier', `${round(moved)} objects`, moved * price.s3GlacierTransition)]
      : []),
  ];
}

function computeLines(input: EstimateInput, price: Prices): CostLine[] {
  const { compressedBytes, plainBytes } = input;
  const archives = input.archivesPerDay * daysPerMonth;
  const seconds = 2 + Math.max(compressedBytes / readBytesPerSecond, plainBytes / inflateBytesPerSecond);
  const lambda = (gbSeconds: number, runs: number) =>
    gbSeconds * price.lambdaGbSecond + runs * price.lambdaRequest;
  const verifyGbSeconds = archives * seconds * (handlerMb.verify / 1024);
  const otherRuns = hoursPerMonth + daysPerMonth;
  const otherGbSeconds = otherRuns * 3 * (handlerMb.watch / 1024);
  const ranges = isReadInRanges(input) ? Math.ceil(compressedBytes / oneReader.rangeBytes) : 0;
  const transitions = ranges === 0 ? 0 : archives * (ranges * 3 + 10);
  const test = restoreTaskFor(input, price, input.restoreTestNetwork === 'public');
  const readAgain = archivesReadAgain(input);
  // Nothing is inflated or scanned.
  const againGbSeconds = readAgain * (2 + compressedBytes / readBytesPerSecond) * (handlerMb.verify / 1024);
  return [
    line(
      'Lambda: verify',
      `${formatDuration(seconds * 1000)} each, ${round(verifyGbSeconds)} GB-s`,
      lambda(verifyGbSeconds, archives),
    ),
    ...(readAgain === 0
      ? []
      : [
          line(
            'Lambda: read again',
            `${round(readAgain)} archives, ${round(againGbSeconds)} GB-s`,
            // The handler's two answers of the store, and the verdict that notes it.
            lambda(againGbSeconds, readAgain) + readAgain * (4 * price.s3Get + price.s3Put),
          ),
        ]),
    line('Lambda: watch, expire', `${round(otherGbSeconds)} GB-s`, lambda(otherGbSeconds, otherRuns)),
    ...(ranges === 0
      ? []
      : [
          line(
            'Step Functions: verify in ranges',
            `${round(transitions)} transitions`,
            transitions * price.stepTransition,
          ),
        ]),
    line(
      `Fargate: restore test${input.points ? ' and recovery' : ''}, a third`,
      `${test.vcpu} vCPU, ${test.memoryGb}+${test.storageGb} GB, ${formatDuration(test.hours * 3_600_000)}`,
      (test.hours * test.usdPerHour) / 3,
    ),
    line('ECR: image of the restore test', formatBytes(imageBytes), (imageBytes / gib) * price.ecrGbMonth),
  ];
}

function archivesReadAgain(input: EstimateInput): number {
  const { rereadPercent = 0, keptBeyondDays = [], archivesPerDay } = input;
  const kept = lifeOf(input).keptDays * archivesPerDay + keptBeyondDays.length;
  return rereadPercent === 0 ? 0 : daysPerMonth * Math.ceil((kept * rereadPercent) / 100);
}

function isReadInRanges({ compressedBytes, plainBytes }: EstimateInput): boolean {
  return compressedBytes > oneReader.compressedBytes || plainBytes > oneReader.plainBytes;
}

function noticeLines(input: EstimateInput, price: Prices): CostLine[] {
  const archives = input.archivesPerDay * daysPerMonth;
  // Each object that is stored is an event, wanted or not.
  const events = archives * 3 + hoursPerMonth;
  const logBytes = (archives * 2 + hoursPerMonth + daysPerMonth) * logBytesPerRun;
  const { alarms } = inCloudWatch.lean;
  return [
    line(
      'SNS and EventBridge',
      `${mailsPerMonth} mails, ${round(events)} events`,
      mailsPerMonth * price.snsMail + events * price.event,
    ),
    line('CloudWatch: alarms', String(alarms), alarms * price.alarmMonth),
    line(
      'CloudWatch: logs',
      `${formatBytes(logBytes)}, kept 30 days`,
      (logBytes / gib) * (price.logIngestedGb + price.logStoredGbMonth),
    ),
  ];
}

/** What `monitoring: full` adds for one source. */
function figureLines(input: EstimateInput, price: Prices): CostLine[] {
  const archives = input.archivesPerDay * daysPerMonth;
  const { alarms, dashboards, hourlyMetrics, nightlyMetrics, logMetrics } = inCloudWatch.fullBesides;
  const always = hourlyMetrics + (input.points === undefined ? 0 : logMetrics);
  // A custom metric is paid for the hours in which it has a figure.
  const metrics = always + (nightlyMetrics * Math.min(archives, hoursPerMonth)) / hoursPerMonth;
  return [
    line('CloudWatch: more alarms', String(alarms), alarms * price.alarmMonth),
    line('CloudWatch: metrics', `${metrics.toFixed(1)} months of one`, metrics * price.metricMonth),
    line('CloudWatch: dashboard', String(dashboards), dashboards * price.dashboardMonth),
  ];
}

function optionLines(input: EstimateInput, price: Prices): CostLine[] {
  const { puts, gets, lookPuts, lookGets } = requestsOf(input);
  const requests = puts + gets + lookPuts + lookGets;
  return [
    ...(input.encryption === 'kms'
      ? [
          line(
            'KMS: the key',
            `at most ${round(requests)} uses`,
            price.kmsKeyMonth + requests * price.kmsRequest,
          ),
        ]
      : []),
    ...(input.agentAccess === 'user'
      ? [line("Secrets Manager: the agent's key", '1 secret', price.secretMonth)]
      : []),
    ...(input.restoreTestNetwork === 'endpoints'
      ? [
          line(
            'VPC: endpoints, restore test',
            `${interfaceEndpoints} interface endpoints, day and night`,
            interfaceEndpoints * hoursPerMonth * price.endpointHour,
          ),
        ]
      : []),
  ];
}

function fetchLine(input: EstimateInput, price: Prices): CostLine {
  const { moves } = lifeOf(input);
  const gbPrice = price.transferOutGb + (moves ? price.s3GlacierRetrievalGb : 0);
  return line(
    'Fetching one archive to you',
    `${formatBytes(input.compressedBytes)} out of AWS${moves ? ', and out of Glacier' : ''}`,
    (input.compressedBytes / gib) * gbPrice,
  );
}

function round(count: number): string {
  return formatCount(Math.round(count));
}
