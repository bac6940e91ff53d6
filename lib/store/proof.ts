// What is no answer of S3, and what an answer of S3 must have to count.

export type HttpAnswer = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
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

/**
 * The version that an answer names.
 *
 * @returns `null` where it names none, or `null`: of a bucket without versions, some stores do so in some answers and not in others.
 */
export function versionOf({ VersionId }: { readonly VersionId?: string | undefined }): string | null {
  return VersionId === undefined || VersionId === 'null' ? null : VersionId;
}

function firstWords(text: string): string {
  const words = text
    .replaceAll(/<(style|script)\b.*?<\/\1>/gis, ' ')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return words.length > 120 ? `${words.slice(0, 120)}…` : words;
}
