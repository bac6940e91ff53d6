// The many ways in which S3 and its look-alikes say no, turned into the few things that an operator can act on.

import { OffsiteError } from '../base/errors.ts';
import { remedyOf } from '../base/started.ts';
import { bareEtag } from './checksums.ts';
import { explanationOfDenial } from './denied.ts';
import { type Explanation, explanationOfTheWay } from './on-the-way.ts';
import { ForeignAnswer, UnprovenAnswer } from './proof.ts';
import { type AwsError, isUnreachable } from './trouble.ts';

const credentialsHint =
  'check AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (aws sts get-caller-identity shows who you are)';

const unknownCredentials: Explanation = {
  code: 'CREDENTIALS_REFUSED',
  expected: 'credentials that the store knows',
  hint: credentialsHint,
};

const changedOnTheWay: Explanation = {
  code: 'STORE_FAILED',
  expected: 'the bytes that were sent to arrive',
  hint: 'the store compared checksums and stored nothing; something on the way, or this memory, changes bytes: run the same command again',
};

const explanations: Record<string, Explanation> = {
  NoSuchBucket: {
    code: 'BUCKET_MISSING',
    expected: 'the bucket to exist',
    hint: "compare bucket, region and endpoint (of most stores a host alone, without a path) in the settings with what there is: 'aws s3 ls' shows the buckets of this key, at AWS or where AWS_ENDPOINT_URL leads; of the stack it is the output BucketName",
  },
  InvalidAccessKeyId: unknownCredentials,
  SignatureDoesNotMatch: unknownCredentials,
  ExpiredToken: unknownCredentials,
  ExpiredTokenException: unknownCredentials,
  InvalidToken: unknownCredentials,
  AuthorizationHeaderMalformed: unknownCredentials,
  TokenRefreshRequired: unknownCredentials,
  CredentialsProviderError: {
    code: 'CREDENTIALS_MISSING',
    expected: 'AWS credentials from the environment, a profile or a role',
    hint: 'set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  },
  PreconditionFailed: {
    code: 'ARCHIVE_EXISTS',
    expected: 'a key that is not taken',
    hint: 'another run stored it in the same second: nothing was overwritten; run the same command again',
  },
  NoSuchUpload: {
    code: 'STORE_FAILED',
    expected: 'the upload that was begun',
    hint: 'somebody else aborted it (a lifecycle rule, another program); run the same command again',
  },
  BadDigest: changedOnTheWay,
  XAmzContentSHA256Mismatch: changedOnTheWay,
  XAmzContentChecksumMismatch: changedOnTheWay,
  RequestTimeTooSkewed: {
    code: 'STORE_FAILED',
    expected: "a clock within 15 minutes of the store's",
    hint: "set this host's clock (timedatectl set-ntp true)",
  },
  NotImplemented: {
    code: 'STORE_FAILED',
    expected: 'the store to know what it is asked',
    hint: 'say which store it is: --provider, OFFSITE_PROVIDER or "provider" in the settings file',
  },
};

const foreignAnswer: Explanation = {
  code: 'STORE_FAILED',
  expected: 'an answer of S3',
  hint: "something else answers in the store's place: compare the endpoint, and look for a proxy or portal on the way (HTTPS_PROXY, HTTP_PROXY, NO_PROXY)",
};

const unprovenAnswer: Explanation = {
  code: 'STORE_FAILED',
  expected: 'the proof that S3 gives with each answer',
  hint: "what answers there is no S3, or speaks another dialect of it: compare the endpoint, and ask 'offsite doctor'",
};

const redirects = new Set(['PermanentRedirect', 'TemporaryRedirect', 'IllegalLocationConstraintException']);

/**
 * Explains a failed call to the store.
 *
 * @param doing - What was tried, as in "<doing> failed": `listing s3://bucket/archives/`.
 * @param tried - How often and for how long, in brackets, if more than once.
 */
export function storeError(error: unknown, doing: string, tried = ''): Error {
  if (error instanceof OffsiteError) return error;
  if (!(error instanceof Error)) return new Error(String(error));
  if (error.name === 'AbortError') return error;
  const found = `${describeTrouble(error)}${tried}`;
  const { code, expected, hint } = explanationOf(error);
  return new OffsiteError(code, `${doing} failed`, { expected, found, hint, cause: error });
}

/** The error of bytes that are not those any more which are being read. */
export function changedError(name: string, etag: string): OffsiteError {
  return new OffsiteError('ARCHIVE_CHANGED', `${name} is being read, and was changed meanwhile`, {
    expected: `the bytes with ETag ${bareEtag(etag)}`,
    found: 'other bytes, or none',
    hint: "find out who wrote it (the store's access log; AWS: CloudTrail), and verify it again from the beginning (offsite verify ID)",
  });
}

function explanationOf(error: AwsError): Explanation {
  const status = error.$metadata?.httpStatusCode;
  if (error instanceof ForeignAnswer) return foreignAnswer;
  if (error instanceof UnprovenAnswer) return unprovenAnswer;
  if (isElsewhere(error)) return regionExplanation(error);
  const known = explanations[error.name];
  if (known !== undefined) return known;
  if (status === 403 || error.name === 'AccessDenied') return explanationOfDenial(error.message, error.asked);
  if (status === 412) return explanations.PreconditionFailed as Explanation;
  if (status === 501 || /x-amz-(sdk-)?checksum/.test(error.message)) {
    return explanations.NotImplemented as Explanation;
  }
  if (error.message.startsWith('Region not accepted')) {
    const hint = 'mend --region, OFFSITE_REGION or AWS_REGION: one like eu-west-1';
    return { code: 'REGION_WRONG', expected: "a region's name", hint };
  }
  if (error.message === 'Region is missing') {
    const hint = "say --region, or set AWS_REGION; a store of one's own takes any, for example us-east-1";
    return { code: 'REGION_MISSING', expected: 'a region', hint };
  }
  const remedy = remedyOf((error as NodeJS.ErrnoException).code);
  if (remedy !== undefined)
    return { code: 'HOST_EXHAUSTED', expected: 'a host with room for one more connection', hint: remedy };
  const onTheWay = explanationOfTheWay(error);
  if (onTheWay !== undefined) return onTheWay;
  if (isUnreachable(error)) {
    const tls =
      error.message === 'socket hang up'
        ? '; where the port speaks TLS, the endpoint begins with https://'
        : '';
    return {
      code: 'STORE_UNREACHABLE',
      expected: 'the store to answer',
      hint: `check the network, the region and, for other stores than AWS, the endpoint (curl ENDPOINT)${tls}; then run the same command again`,
    };
  }
  return {
    code: 'STORE_FAILED',
    expected: 'the store to acknowledge',
    hint: 'run the same command again; if it stays, look at the status page of the store',
  };
}

function isElsewhere({ name, Region, $metadata }: AwsError): boolean {
  if (name === 'AuthorizationHeaderMalformed') return Region !== undefined;
  return redirects.has(name) || $metadata?.httpStatusCode === 301 || $metadata?.httpStatusCode === 307;
}

/** S3 says where the bucket is, in a header or in the error's body. */
function regionExplanation({ Region, $response }: AwsError): Explanation {
  const region = $response?.headers?.['x-amz-bucket-region'] ?? Region;
  const code = 'REGION_WRONG';
  if (region === undefined) {
    const hint = 'set AWS_REGION or --region to the region that the stack was deployed to';
    return { code, expected: "the bucket's own region", hint };
  }
  return {
    code,
    expected: `the bucket's own region, ${region}`,
    hint: `say --region ${region}, or set AWS_REGION=${region}`,
  };
}

/** Whether the store said that there is no such object, version or file. */
export function isAbsent(error: unknown): boolean {
  const { name, $metadata } = error as AwsError;
  return (
    name === 'NoSuchKey' ||
    name === 'NotFound' ||
    name === 'NoSuchVersion' ||
    (name !== 'NoSuchBucket' && $metadata?.httpStatusCode === 404)
  );
}

/** Whether the store said that the object ends before the range that was asked for. */
export function isBeyondEnd(error: unknown): boolean {
  return (error as AwsError).$metadata?.httpStatusCode === 416 || (error as Error).name === 'InvalidRange';
}

/** Whether the store said that the key is taken. */
export function isTaken(error: unknown): boolean {
  return (
    (error as AwsError).$metadata?.httpStatusCode === 412 || (error as Error).name === 'PreconditionFailed'
  );
}

export function describeTrouble(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner =
    error instanceof AggregateError ? error.errors.map((one: Error) => one.message).join('; ') : '';
  if (error instanceof ForeignAnswer || error instanceof UnprovenAnswer) return error.message;
  const { code = '', $metadata } = error as AwsError;
  // The SDK's names for what has none.
  if (error.name === 'Unknown') return `HTTP ${$metadata?.httpStatusCode}, without a reason`;
  const name = error.name === 'Error' ? code : error.name;
  // Told twice, the SDK makes it a list; of a store that says nothing more, it makes a word of its own.
  const text = String(error.message || inner).replace(/^UnknownError$/, '');
  const message = text.replace(
    /^@smithy\/\S+ - |\s*Deserialization error:.*$| \(configured by .*$|; if the root CA is installed locally.*$/gs,
    '',
  );
  // A proxy's address may hold a password.
  const shown = message.replaceAll(/\/\/[^/@\s]+@/g, '//');
  return [name, shown].filter((text) => text !== '').join(': ');
}
