// The many ways in which S3 and its look-alikes say no, turned into the few things that an operator can act on.

import { type ErrorCode, OffsiteError } from '../core/errors.ts';

type AwsError = Error & {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
};

type Explanation = { readonly code: ErrorCode; readonly expected: string; readonly hint: string };

const credentialsHint =
  'check AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (aws sts get-caller-identity shows who you are)';

const explanations: Record<string, Explanation> = {
  NoSuchBucket: {
    code: 'BUCKET_MISSING',
    expected: 'the bucket to exist',
    hint: "compare the bucket's name and region with the output BucketName of 'npx cdk deploy'",
  },
  ...Object.fromEntries(
    [
      'InvalidAccessKeyId',
      'SignatureDoesNotMatch',
      'ExpiredToken',
      'ExpiredTokenException',
      'InvalidToken',
      'TokenRefreshRequired',
    ].map((name) => [
      name,
      {
        code: 'CREDENTIALS_REFUSED',
        expected: 'credentials that the store knows',
        hint: credentialsHint,
      } as const,
    ]),
  ),
  AccessDenied: {
    code: 'CREDENTIALS_REFUSED',
    expected: 'credentials that may do this',
    hint: 'the agent needs the policy of the output AgentPolicyArn, reading that of OperatorPolicyArn',
  },
  CredentialsProviderError: {
    code: 'CREDENTIALS_MISSING',
    expected: 'AWS credentials from the environment, a profile or a role',
    hint: 'set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  },
  PreconditionFailed: {
    code: 'ARCHIVE_EXISTS',
    expected: 'a key that is not taken',
    hint: 'another run stored it in the same second: nothing was overwritten; run again',
  },
  PermanentRedirect: {
    code: 'BUCKET_MISSING',
    expected: "the bucket's own region",
    hint: 'set AWS_REGION or --region to the region that the stack was deployed to',
  },
};

const unreachableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
]);

/**
 * Explains a failed call to the store.
 *
 * @param doing - What was tried, as in "<doing> failed": `listing s3://bucket/archives/`.
 */
export function storeError(error: unknown, doing: string): Error {
  if (error instanceof OffsiteError) return error;
  if (!(error instanceof Error)) return new Error(String(error));
  if (error.name === 'AbortError') return error;
  const found = describe(error);
  const known = explanations[error.name] ?? (isForbidden(error) ? explanations.AccessDenied : undefined);
  if (known !== undefined) {
    return new OffsiteError(known.code, `${doing} failed`, { ...known, found, cause: error });
  }
  if (isUnreachable(error)) {
    return new OffsiteError('STORE_UNREACHABLE', `${doing} failed`, {
      expected: 'the store to answer',
      found,
      hint: 'check the network, the region and, for other stores than AWS, the endpoint',
      cause: error,
    });
  }
  return new OffsiteError('STORE_FAILED', `${doing} failed`, {
    expected: 'the store to acknowledge',
    found,
    hint: 'run again; if it stays, look at the status page of the store',
    cause: error,
  });
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

function isForbidden(error: AwsError): boolean {
  return error.$metadata?.httpStatusCode === 403;
}

function isUnreachable(error: AwsError): boolean {
  if (error.name === 'TimeoutError') return true;
  if (error.code !== undefined && unreachableCodes.has(error.code)) return true;
  const inner = error instanceof AggregateError ? error.errors : [error.cause];
  return inner.some((one) => one instanceof Error && isUnreachable(one));
}

function describe(error: AwsError): string {
  const inner =
    error instanceof AggregateError ? error.errors.map((one: Error) => one.message).join('; ') : '';
  const name = error.name === 'Error' ? (error.code ?? '') : error.name;
  return [name, error.message || inner].filter((text) => text !== '').join(': ');
}
