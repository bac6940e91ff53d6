// One GET of an address that may be anything: another program, a proxy's login, a server that hangs, trickles or never
// ends. It has a limit of time and of bytes, and what goes wrong is told in words, without the query: a key may stand there.

import { formatDuration } from '../base/quantities.ts';
import type { Answer } from './judge.ts';

export type Request = {
  readonly headers?: Readonly<Record<string, string>>;
  readonly withinMs: number;
  readonly signal?: AbortSignal | undefined;
};

/** More than any answer of BitAgent's that is looked at. */
export const bytesMax = 1024 ** 2;

/** Gets what is at an address; a redirect is an answer, too. @throws The signal's reason. */
export async function get(url: URL, { headers = {}, withinMs, signal }: Request): Promise<Answer> {
  const limit = AbortSignal.timeout(withinMs);
  const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  try {
    const response = await fetch(url, { redirect: 'manual', headers, signal: either });
    const { text, isCut } = await beginningOf(response);
    return {
      status: response.status,
      location: response.headers.get('location') ?? undefined,
      text,
      isCut,
    };
  } catch (error) {
    signal?.throwIfAborted();
    if (limit.aborted) return { fault: `no answer, or no end of it, within ${formatDuration(withinMs)}` };
    return faultOf(error);
  }
}

/** An address for a person, without what may be secret. */
export function shown({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

async function beginningOf({ body }: Response): Promise<{ text: string; isCut: boolean }> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let isCut = false;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    isCut = bytes > bytesMax;
    if (isCut) break;
  }
  return { text: new TextDecoder().decode(Buffer.concat(chunks).subarray(0, bytesMax)), isCut };
}

/** Node's fetch says "fetch failed", and why in its cause. */
function faultOf(error: unknown): Extract<Answer, { fault: string }> {
  const { message, cause } = error as Error & { cause?: Error & { code?: string; errors?: Error[] } };
  const deepest = cause?.errors?.[0] ?? cause;
  const code = cause?.code ?? '';
  if (code === 'ECONNREFUSED') return { fault: 'nothing listens there (connection refused)' };
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET')
    return { fault: 'the connection was closed before the answer ended' };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return { fault: 'there is no such host' };
  if (/CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(code))
    return {
      fault: `its certificate is not trusted here (${code})`,
      advice:
        'name BitAgent itself, past its proxy (--app-url http://127.0.0.1:3333, --dashboard-url), or who signed that: NODE_EXTRA_CA_CERTS=FILE (PEM)',
    };
  if (code.startsWith('ERR_SSL'))
    return { fault: 'what answers speaks no TLS', advice: 'say http:// in --app-url, --dashboard-url' };
  return { fault: deepest?.message || message };
}
