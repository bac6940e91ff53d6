// What several sessions do step by step, and somebody waits for: until it is so, or one of them has failed.

export class Stepping {
  #failure: { readonly error: unknown } | undefined;
  #stepped = Promise.withResolvers<void>();

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Another step is done; the first that failed counts. */
  step(error?: unknown): void {
    if (error !== undefined) this.#failure ??= { error };
    this.#stepped.resolve();
    this.#stepped = Promise.withResolvers();
  }

  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** @throws What a step failed with. */
  async until(isSo: () => boolean): Promise<void> {
    for (;;) {
      this.throwFailure();
      if (isSo()) return;
      await this.#stepped.promise;
    }
  }
}
