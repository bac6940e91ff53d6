// What counts as an answer of S3. Between here and the store stand proxies, portals and mistyped endpoints that answer
// in its place, with HTML, plain text or nothing; what they say is told as theirs, and is never an acknowledgement.

import { Readable } from 'node:stream';

type HttpAnswer = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  body: unknown;
};

/** An answer that is not S3's. */
export class ForeignAnswer extends Error {
  readonly $metadata: { readonly httpStatusCode: number };

  constructor({ statusCode, headers }: HttpAnswer, text: string) {
    const type = headers['content-type']?.split(';')[0];
    const where = headers.location === undefined ? '' : `, to ${headers.location}`;
    const words = firstWords(text);
    super(
      `${[statusCode, type].filter(Boolean).join(' ')}${where}${words === '' ? ', without a word' : `: ${words}`}`,
    );
    this.name = 'ForeignAnswer';
    this.$metadata = { httpStatusCode: statusCode };
  }
}

/** An acknowledgement without what its giver always gives: nothing is known of what was done. */
export class UnprovenAnswer extends Error {
  constructor(expected: string) {
    super(`an answer that is no refusal, without ${expected}`);
    this.name = 'UnprovenAnswer';
  }
}

/** A field that an answer of S3 always has. @throws {@link UnprovenAnswer} */
export function proof<T>(value: T | undefined, expected: string): NonNullable<T> {
  if (value === undefined || value === null || value === '') throw new UnprovenAnswer(expected);
  return value;
}

type Args = { readonly request: unknown };
type Next = (args: Args) => Promise<{ readonly response: unknown }>;

/** Middleware that lets no answer pass but S3's own: XML, nothing at all, or the bytes that were asked for. */
export function onlyAnswersOfS3(next: Next, { commandName = '' }: { readonly commandName?: string }): Next {
  return async (args) => {
    const result = await next(args);
    const answer = result.response as HttpAnswer;
    const isRefusal = answer.statusCode >= 300;
    if (!isRefusal && commandName === 'GetObjectCommand') return result;
    const bytes = Buffer.concat(await (answer.body as Readable).toArray());
    const text = bytes.toString('utf8').trim();
    if (!isOurs(answer, text, isRefusal)) throw new ForeignAnswer(answer, text);
    // A stream again: the SDK looks for errors in a 200 in nothing else.
    answer.body = Readable.from(bytes.length > 0 ? [bytes] : []);
    return result;
  };
}

function isOurs({ headers }: HttpAnswer, text: string, isRefusal: boolean): boolean {
  if (text === '') return !isRefusal || Object.keys(headers).some((name) => name.startsWith('x-amz-'));
  return isRefusal
    ? /^(<\?xml[^>]*>\s*)?<Error\b/.test(text)
    : text.startsWith('<') && !/^<(!doctype )?html/i.test(text);
}

function firstWords(text: string): string {
  const words = text
    .replaceAll(/<(style|script)\b.*?<\/\1>/gis, ' ')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return words.length > 120 ? `${words.slice(0, 120)}…` : words;
}
