// The tokens of the statement under way, as far as anybody asks for them.

import * as z from 'zod';

/** Of one statement: the longest that Postgres allows to matter, a COPY of 1,600 columns, has a fifth of it. */
const keptBytes = 1_048_576;
const keptLiterals = 32;

export const keptTokensSchema = z.strictObject({
  tokens: z.array(z.string()),
  /** What stands in the strings and numbers among them, of the statements that make settings. */
  literals: z.array(z.string()),
});

/** Keeps tokens; not those that follow VALUES in an INSERT, nor those past a MiB. */
export class KeptTokens {
  #tokens: string[];
  #literals: string[];
  #bytes: number;
  /** The first one, in capitals. */
  #verb: string;

  constructor({ tokens, literals }: z.infer<typeof keptTokensSchema> = { tokens: [], literals: [] }) {
    this.#tokens = [...tokens];
    this.#literals = [...literals];
    this.#bytes = tokens.reduce((sum, token) => sum + token.length, 0);
    this.#verb = (tokens[0] ?? '').toUpperCase();
  }

  suspend(): z.infer<typeof keptTokensSchema> {
    return { tokens: [...this.#tokens], literals: [...this.#literals] };
  }

  get isEmpty(): boolean {
    return this.#tokens.length === 0;
  }

  /** As the lexer's sink. */
  token(text: string, parenDepth: number): boolean {
    if (this.#bytes >= keptBytes) return false;
    if (this.#tokens.push(text) === 1) this.#verb = text.toUpperCase();
    this.#bytes += text.length;
    if (this.#bytes >= keptBytes) return false;
    if (this.#verb !== 'INSERT' || parenDepth > 0 || text.length !== 6) return true;
    // The values are not looked at, only counted.
    return text.toUpperCase() !== 'VALUES';
  }

  literal(text: string): void {
    const isAsked = this.#verb === 'SET' || this.#verb === 'SELECT';
    if (isAsked && this.#literals.length < keptLiterals) this.#literals.push(text);
  }

  /** Gives what was kept, with the first token in capitals, and begins anew. */
  take(): z.infer<typeof keptTokensSchema> & { readonly verb: string } {
    const taken = { verb: this.#verb, tokens: this.#tokens, literals: this.#literals };
    this.#tokens = [];
    if (taken.literals.length > 0) this.#literals = [];
    this.#bytes = 0;
    this.#verb = '';
    return taken;
  }
}
