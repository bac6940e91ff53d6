// What a failed write to the store means: will it be refused again, was it not carried out, or may it have been carried
// out although nobody heard so?

import type { ProviderName } from './provider.ts';

/** How a failed attempt may go on. */
export type Trouble =
  /** It will be refused again. */
  | 'refused'
  /** It was not carried out; try again. */
  | 'busy'
  /** It may have been carried out; try again. */
  | 'unheard'
  /** Bytes, or clocks, did not agree: they do next time, or never. */
  | 'mismatched'
  /** The credentials are none any more: there may be others by now. */
  | 'expired';

/** What was asked of a store. */
export type Asked = {
  /** As the SDK has it: `ListObjectsV2Command`. */
  readonly command: string;
  readonly isOfVersion: boolean;
  readonly provider: ProviderName;
};

export type AwsError = Error & {
  readonly code?: string;
  readonly syscall?: string;
  readonly Region?: string;
  readonly asked?: Asked;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
};

const expired = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'TokenRefreshRequired',
  'RequestExpired',
  // A key that was changed for another.
  'InvalidAccessKeyId',
]);

const busy = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'Throttling',
  'ThrottlingException',
  'RequestLimitExceeded',
  'TooManyRequests',
  'BandwidthLimitExceeded',
  'RequestTimeout',
  'OperationAborted',
  'ConditionalRequestConflict',
]);

/** Bytes that changed on the way, or a clock that the SDK sets right after the first refusal. */
const mismatched = new Set([
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'XAmzContentChecksumMismatch',
  'IncompleteBody',
  'RequestTimeTooSkewed',
]);

/** What is no fault of the store, even where it comes as the body of a 200, which the SDK turns into a 503. */
const refusals = new Set([
  'AccessDenied',
  'EntityTooLarge',
  'EntityTooSmall',
  'InvalidArgument',
  'InvalidPart',
  'InvalidPartOrder',
  'InvalidRequest',
  'MalformedXML',
  'NoSuchBucket',
  'NoSuchUpload',
  'NotImplemented',
  'PreconditionFailed',
]);

const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ETIMEDOUT',
  'EPIPE',
]);

/** Judges a failed attempt. */
export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof Error)) return 'refused';
  const { name } = error;
  if (expired.has(name)) return 'expired';
  if (busy.has(name)) return 'busy';
  if (mismatched.has(name)) return 'mismatched';
  const status = (error as AwsError).$metadata?.httpStatusCode;
  if (status === undefined) return troubleOnTheWay(error);
  if (status === 429) return 'busy';
  return [500, 502, 503, 504].includes(status) && !refusals.has(name) ? 'unheard' : 'refused';
}

/** Whether nobody answered, here or further down. */
export function isUnreachable(error: AwsError): boolean {
  if (error.name === 'TimeoutError') return true;
  if (error.code !== undefined && (unreachable.has(error.code) || error.code.startsWith('HPE_'))) return true;
  return causesOf(error).some(isUnreachable);
}

/** Whether nobody has that name, listens there, or speaks what we do: at first contact that looks like a mistyped endpoint. */
export function mayBeMistyped(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as AwsError;
  if (code?.startsWith('HPE_') || code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'ECONNRESET')
    return true;
  const causes = causesOf(error);
  return causes.length > 0 && causes.every(mayBeMistyped);
}

function troubleOnTheWay(error: AwsError): Trouble {
  if (!isUnreachable(error)) return 'refused';
  return wasNeverSent(error) ? 'busy' : 'unheard';
}

function wasNeverSent(error: AwsError): boolean {
  const causes = causesOf(error);
  if (error.syscall === 'connect' || error.syscall === 'getaddrinfo') return true;
  if (error.name === 'TimeoutError' && error.message.includes('did not establish a connection')) return true;
  return causes.length > 0 && causes.every(wasNeverSent);
}

function causesOf(error: AwsError): AwsError[] {
  const causes: unknown[] = error instanceof AggregateError ? error.errors : [error.cause];
  return causes.filter((cause) => cause instanceof Error);
}
