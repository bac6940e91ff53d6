// What a conversation with one bucket needs: its clients, how its store is to be spoken to, and how much trouble to
// put up with.

import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { inTime } from '../base/in-time.ts';
import { agentsOf, withProxy } from './agents.ts';
import { onlyAnswersOfS3 } from './answers.ts';
import { chooseProvider, type Provider, type ProviderName } from './provider.ts';
import { ProviderWords } from './provider-words.ts';
import type { Asked } from './trouble.ts';
import { assertWhole } from './whole-credentials.ts';

/** Where the store is; what is left out comes from the SDK's own settings (`AWS_REGION`, `AWS_ENDPOINT_URL` …). */
export type S3Location = {
  readonly bucket: string;
  readonly region?: string | undefined;
  /** URL of an S3-compatible store. */
  readonly endpoint?: string | undefined;
  readonly profile?: string | undefined;
  /** A file with the certificates of authorities, in place of AWS_CA_BUNDLE's. */
  readonly caBundle?: string | undefined;
  readonly provider?: ProviderName | undefined;
  /** Asked again when the store says that what it gave has expired. */
  readonly credentials?: S3ClientConfig['credentials'];
  readonly patience?: Patience | undefined;
  /** Called before each repetition of a write, with what went wrong. */
  readonly onTrouble?: ((said: string) => void) | undefined;
};

/** How much trouble to put up with. */
export type Patience = {
  /** How long a write is repeated while the store cannot be reached, is busy, or fails by its own fault. */
  readonly troubleMs: number;
  /** The same before the first answer, while nobody has the endpoint's name or listens there: it may be mistyped. */
  readonly mistypedMs: number;
  /** The first pause before repeating; each further one is twice as long. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** A connection on which no byte of a write moves for so long is dead. */
  readonly silenceMs: number;
  /** After so long it is said that a write is not acknowledged yet. */
  readonly noticeMs: number;
  /** The same of a read, whose answer does not wait behind megabytes. */
  readonly readSilenceMs: number;
  /** How long a read is repeated, and an object read on while not one byte of it comes; some attempts are always made. */
  readonly readTroubleMs: number;
  /** How long to try to abort an upload that failed; a host that shuts down grants no more. */
  readonly abortMs: number;
};

const minuteMs = 60_000;

/**
 * Ten minutes outlast a router's restart and a provider's nightly disconnection; the dump waits meanwhile. The silence
 * must be long enough for the last bytes of a part to leave the kernel's buffer at 256 kbit/s.
 */
export const defaultPatience: Patience = {
  troubleMs: 10 * minuteMs,
  mistypedMs: 15_000,
  firstPauseMs: 200,
  longestPauseMs: 20_000,
  silenceMs: 2 * minuteMs,
  noticeMs: 30_000,
  readSilenceMs: 30_000,
  readTroubleMs: 0,
  abortMs: 4000,
};

const readAttempts = 5;

/** The patience of somebody who waits for so long, and no longer. */
export function patienceOf(troubleMs: number): Patience {
  const { silenceMs, mistypedMs, noticeMs, readSilenceMs } = defaultPatience;
  // Of 0, which is one attempt, no limit of a connection follows.
  const longestMs = troubleMs || silenceMs;
  return {
    ...defaultPatience,
    troubleMs,
    silenceMs: Math.min(silenceMs, longestMs),
    mistypedMs: Math.min(mistypedMs, troubleMs),
    noticeMs: Math.min(noticeMs, longestMs / 2),
    readSilenceMs: Math.min(readSilenceMs, longestMs / readAttempts),
  };
}

export type S3Session = {
  readonly bucket: string;
  readonly provider: Provider;
  readonly patience: Patience;
  readonly onTrouble: ((said: string) => void) | undefined;
  /** Repeats by itself: a read can be repeated blindly. */
  readonly reader: S3Client;
  /** Never repeats: of a write one must know what may have become of each attempt. */
  readonly writer: S3Client;
  credentials(): ReturnType<S3Client['config']['credentials']>;
  /** Fetches credentials anew, whatever their expiry says. */
  renewCredentials(): Promise<void>;
  url(key: string): string;
  /** Whether the store has answered yet: trouble after that is taken for passing. */
  hasAnswered: boolean;
  /** This machine's clock less the store's, by its last answer. */
  clockAheadMs: number | undefined;
  /** Whether it has named a version yet: it names one each time then. */
  namesVersions: boolean;
};

/** Prepares a conversation; no request is made before the first call. */
export function openSession(location: S3Location): S3Session {
  const { bucket } = location;
  const provider = chooseProvider(location.provider, usesOwnEndpoint(location));
  const patience = location.patience ?? defaultPatience;
  let reader: S3Client | undefined;
  let writer: S3Client | undefined;
  const words = new ProviderWords();
  const clientOf = (settings: S3ClientConfig, silenceMs: number): S3Client => {
    const client = createClient(location, provider, { ...settings, logger: words.logger }, silenceMs);
    client.middlewareStack.add(
      (next, { commandName: command = '' }) =>
        async (args) => {
          try {
            await credentialsOf(client, silenceMs);
            return await next(args);
          } catch (error) {
            const isOfVersion = (args.input as { VersionId?: string }).VersionId !== undefined;
            const asked: Asked = { command, isOfVersion, provider: provider.name };
            throw Object.assign(words.add(withProxy(process.env, error as Error)) as Error, { asked });
          }
        },
      { step: 'initialize', name: 'addProviderWords' },
    );
    client.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const date = Date.parse((result.response as HttpMessage).headers?.date ?? '');
        // The store's clock comes in whole seconds, cut off.
        if (!Number.isNaN(date)) session.clockAheadMs = Date.now() - date - 500;
        return result;
      },
      { step: 'deserialize', priority: 'low', name: 'noteClock' },
    );
    return client;
  };
  const session: S3Session = {
    bucket,
    provider,
    patience,
    onTrouble: location.onTrouble,
    get reader() {
      reader ??= clientOf({ maxAttempts: readAttempts }, patience.readSilenceMs);
      return reader;
    },
    get writer() {
      // Expect would open a new connection for each part; repeated parts do ask first, see expectContinue.
      writer ??= clientOf({ maxAttempts: 1, expectContinueHeader: false }, patience.silenceMs);
      return writer;
    },
    credentials: () =>
      credentialsOf(session.reader, patience.silenceMs).catch((error) => {
        throw words.add(error);
      }),
    async renewCredentials() {
      await Promise.all([reader, writer].map((client) => client?.config.credentials({ forceRefresh: true })));
    },
    url: (key) => `s3://${bucket}/${key}`,
    hasAnswered: false,
    namesVersions: false,
    clockAheadMs: undefined,
  };
  return session;
}

/** What gives them may hang: a program of the operator's, a service. No call has a limit before it has them. */
async function credentialsOf(
  client: S3Client,
  withinMs: number,
): ReturnType<S3Client['config']['credentials']> {
  const limitMs = Math.min(withinMs, minuteMs);
  const found = await inTime(client.config.credentials(), limitMs, 'CredentialsProviderError');
  assertWhole(found);
  return found;
}

function createClient(
  location: S3Location,
  provider: Provider,
  settings: S3ClientConfig,
  socketTimeout: number,
): S3Client {
  const client = new S3Client({
    ...whereabouts(location, provider),
    ...settings,
    requestHandler: { connectionTimeout: 10_000, socketTimeout, ...agentsOf(process.env, location.caBundle) },
  });
  client.middlewareStack.add(onlyAnswersOfS3 as never, {
    step: 'deserialize',
    priority: 'low',
    name: 'onlyAnswersOfS3',
  });
  client.middlewareStack.add(leavePayloadUnsigned, { step: 'build', name: 'leavePayloadUnsigned' });
  return client;
}

function whereabouts(location: S3Location, provider: Provider) {
  const { endpoint, profile, credentials } = location;
  // What the aws command calls it, and the SDK does not know.
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const region = location.region ?? provider.region ?? (AWS_REGION || AWS_DEFAULT_REGION || undefined);
  return {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(profile === undefined ? {} : { profile }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: provider.pathStyle,
    // Of files with credentials: what is renewed there is seen by who goes on for months, too.
    ignoreCache: true,
    // Uploads bring their own; what the SDK adds by itself, other stores than AWS refuse.
    requestChecksumCalculation: 'WHEN_REQUIRED' as const,
    // Readers compare with the manifest's sha256.
    responseChecksumValidation: 'WHEN_REQUIRED' as const,
  };
}

function usesOwnEndpoint({ endpoint }: S3Location): boolean {
  return [endpoint, process.env.AWS_ENDPOINT_URL_S3, process.env.AWS_ENDPOINT_URL].some(Boolean);
}

type Args = { readonly request: unknown };
type HttpMessage = { readonly protocol?: string; readonly headers?: Record<string, string> };

/** Over TLS a checksum is enough; the SHA-256 of each part for its signature would cost more than all the rest. */
function leavePayloadUnsigned<A extends Args, R>(next: (args: A) => R): (args: A) => R {
  return (args) => {
    const { protocol, headers = {} } = args.request as HttpMessage;
    const isChecked = 'x-amz-checksum-crc32' in headers || 'content-md5' in headers;
    if (protocol === 'https:' && isChecked) headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
    return next(args);
  };
}

/**
 * Middleware that lets a request ask before it sends its body. A store that refuses may close the connection while the
 * body is on its way, and what it said is lost then; asked first, it is heard.
 */
export function expectContinue<A extends Args, R>(next: (args: A) => R): (args: A) => R {
  return (args) => {
    const { headers = {} } = args.request as HttpMessage;
    headers.Expect = '100-continue';
    return next(args);
  };
}
