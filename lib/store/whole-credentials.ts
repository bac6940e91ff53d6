// Credentials that were copied, with more than was meant.

import { OffsiteError } from '../base/errors.ts';

/**
 * @throws {@link OffsiteError} `CREDENTIALS_REFUSED` where they hold what no key has: of an environment file with Windows' line ends, or
 *   quotes that were taken along. The store would only say that they are wrong, and some are sent nowhere.
 */
export function assertWhole(credentials: {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}): void {
  const parts = {
    accessKeyId: 'access key',
    secretAccessKey: 'secret',
    sessionToken: 'session token',
  } as const;
  const names = Object.keys(parts) as (keyof typeof parts)[];
  const bad = names.find((name) => /[^!-~]|^["']|["']$/.test(credentials[name] ?? ''));
  if (bad === undefined) return;
  const text = credentials[bad] ?? '';
  const kinds: [RegExp, string][] = [
    [/\r/, "a carriage return, of a file with Windows' line ends"],
    [/\s/, 'a space or an end of a line'],
    [/^["']|["']$/, 'a quotation mark'],
  ];
  const kind = kinds.find(([one]) => one.test(text))?.[1] ?? 'a sign that is not seen, or no ASCII';
  throw new OffsiteError('CREDENTIALS_REFUSED', `the ${parts[bad]} of these credentials is not whole`, {
    expected: 'letters, digits and signs of ASCII alone',
    found: `${kind} in it`,
    hint: 'write it anew where it comes from: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials; sed -i "s/\\r$//" FILE mends line ends',
  });
}
