// What counts as an answer of S3. Between here and the store stand proxies, portals and mistyped endpoints that answer
// in its place, with HTML, plain text or nothing; what they say is told as theirs, and is never an acknowledgement.

import { Readable } from 'node:stream';
import { ForeignAnswer, type HttpAnswer } from './proof.ts';

type Args = { readonly request: unknown };
type Next = (args: Args) => Promise<{ readonly response: unknown }>;

/** Middleware that lets no answer pass but S3's own: XML, nothing at all, or the bytes that were asked for. */
export function onlyAnswersOfS3(next: Next, { commandName = '' }: { readonly commandName?: string }): Next {
  return async (args) => {
    const result = await next(args);
    const answer = result.response as HttpAnswer & { body: unknown };
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
