// What the programs of the rehearsal ask of AWS, in IAM's words: who, which action, on what. Each program has an access
// key of its own, which is how requests say whose they are. A test holds all of it against the roles of the template
// (test/rehearsal/permissions.ts): nothing is allowed or refused here.

/** Whose keys are not functions of the stack; those go by their logical id. */
export const principals = { agent: 'agent', operator: 'operator', task: 'task' } as const;

/** One thing that was asked for, as an IAM policy speaks of it. */
export type AwsCall = {
  readonly principal: string;
  /** `unknown` and the request, if it is none that is known here. */
  readonly action: string;
  readonly resource: string;
  /** Condition keys of the request. */
  readonly context: Readonly<Record<string, string>>;
};

/** What a service refuses, by the name that it has for it. */
export class Refusal extends Error {
  constructor(type: string, message: string) {
    super(message);
    this.name = type;
  }
}

export type AwsRequest = {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Read for SNS only. */
  readonly body?: unknown;
};

export type CallLog = {
  /** Notes a request to S3 or SNS; those that `own` signed are the rehearsal's hand, and passed over. */
  request(request: AwsRequest): void;
  note(call: AwsCall): void;
  /** Each one once. */
  readonly calls: readonly AwsCall[];
};

/** @param own - The access key of whoever plays what is outside of the system. */
export function createCallLog(own: string): CallLog {
  const known = new Map<string, AwsCall>();
  const note = (call: AwsCall): void => {
    known.set(JSON.stringify(call), call);
  };
  return {
    note,
    request(request) {
      const signer = signerOf(request);
      if (signer === undefined || signer.principal === own) return;
      const { action, resource, context = {} } = asked(signer.service, request);
      note({ principal: signer.principal, action, resource, context });
    },
    get calls() {
      return [...known.values()];
    },
  };
}

/** Whose access key signed a request, and for which service. */
export function signerOf({
  headers,
}: Pick<AwsRequest, 'headers'>): { principal: string; service: string } | undefined {
  const scope = /Credential=([^/]+)\/[^/]+\/[^/]+\/([^/]+)\/aws4_request/.exec(String(headers.authorization));
  return scope === null ? undefined : { principal: scope[1] ?? '', service: scope[2] ?? '' };
}

type Asked = Pick<AwsCall, 'action' | 'resource'> & { readonly context?: AwsCall['context'] };

function asked(service: string, request: AwsRequest): Asked {
  const unknown = { action: `unknown: ${service} ${request.method} ${request.url}`, resource: '*' };
  if (service === 'sns') {
    const { Action, TopicArn } = (request.body ?? {}) as Record<string, string>;
    const isKnown = Action === 'Publish' || Action === 'ListSubscriptionsByTopic';
    return isKnown ? { action: `sns:${Action}`, resource: TopicArn ?? '' } : unknown;
  }
  if (service !== 's3') return unknown;
  const url = new URL(request.url, 'http://localhost');
  const [, bucket = '', ...rest] = url.pathname.split('/');
  const key = decodeURIComponent(rest.join('/'));
  const resource = `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`;
  const action = key === '' ? ofBucket(request.method, url.searchParams) : undefined;
  if (action !== undefined) return { action, resource };
  return key === '' ? unknown : { ...ofObject(request, url.searchParams, unknown), resource };
}

function ofBucket(method: string, query: URLSearchParams): string | undefined {
  if (method !== 'GET') return undefined;
  if (query.has('list-type')) return 's3:ListBucket';
  if (query.has('versions')) return 's3:ListBucketVersions';
  return query.has('uploads') ? 's3:ListBucketMultipartUploads' : undefined;
}

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html */
function ofObject(
  { method, headers }: AwsRequest,
  query: URLSearchParams,
  unknown: Asked,
): Omit<Asked, 'resource'> {
  const upload = query.has('uploadId');
  const version = query.has('versionId') ? 'Version' : '';
  if (method === 'GET' || method === 'HEAD') return { action: `s3:GetObject${version}` };
  if (method === 'DELETE')
    return { action: upload ? 's3:AbortMultipartUpload' : `s3:DeleteObject${version}` };
  const creates = method === 'POST' ? upload : !upload;
  if (method === 'PUT' || upload || query.has('uploads')) {
    const condition = headers['if-none-match'];
    return {
      action: 's3:PutObject',
      context: {
        's3:ObjectCreationOperation': String(creates),
        ...(condition === undefined ? {} : { 's3:if-none-match': String(condition) }),
      },
    };
  }
  return unknown;
}
