// Why there are no credentials. The SDK asks one provider after the other and says at last that none had any; what each
// had to say, as the words of a credential_process that failed, it tells its logger only.

const said = /^@smithy\/property-provider \S+ (.*)/s;

/** Of a provider that was asked: what the others say is that they were not. */
const ofOneAsked = /^Command failed|credential_process returned|SSO session|sso login|expired|assume/i;

/** Listens to one client's providers. */
export class ProviderWords {
  readonly #words = new Set<string>();
  readonly logger = {
    trace: () => undefined,
    debug: (line: unknown) => this.#note(String(line)),
    info: () => undefined,
    warn: (line: unknown) => console.warn(line),
    error: () => undefined,
  };

  /** The same error, with what the providers said. */
  add(error: unknown): unknown {
    if (!(error instanceof Error) || error.name !== 'CredentialsProviderError' || this.#words.size === 0)
      return error;
    error.message = [error.message, ...this.#words].join('; ');
    this.#words.clear();
    return error;
  }

  #note(line: string): void {
    const text = said.exec(line)?.[1]?.trim() ?? '';
    // The command itself may hold a secret.
    const words = text.startsWith('Command failed') ? text.replace(/^.*/, 'credential_process failed') : text;
    if (ofOneAsked.test(text)) this.#words.add(words.replaceAll(/\s*\n\s*/g, ': '));
  }
}
