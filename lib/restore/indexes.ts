// Makes indexes, keys and triggers, several at a time.

import { type Located, runLocated } from '../postgres/located-statement.ts';
import type { Session } from '../postgres/session.ts';
import { type Build, BuildQueue } from './queue.ts';

/** The best sizes for BitAgent's indexes, measured: GIN's own buffers beyond the cache make it slower, not faster. */
const buildMemory = { gin: '16MB', others: '64MB' };

export type BuildStatement = Located & { readonly method: string };

/** Runs what is given to it as soon as it may be, as many at a time as there are sessions. */
export class Builder {
  readonly #queue = new BuildQueue<BuildStatement>();
  readonly #prepare: (session: Session) => Promise<void>;
  readonly #free: Session[];
  readonly #memoryOf = new Map<Session, string>();
  #failure: { readonly error: unknown } | undefined;
  #finished = Promise.withResolvers<void>();
  #starting: NodeJS.Immediate | undefined;

  constructor(sessions: readonly Session[], prepare: (session: Session) => Promise<void>) {
    this.#free = [...sessions];
    this.#prepare = prepare;
  }

  add(build: Build<BuildStatement>): void {
    this.#throwFailure();
    this.#queue.add(build);
    // Not at once: the heaviest of those that come with the same chunk goes first.
    this.#starting ??= setImmediate(() => {
      this.#starting = undefined;
      this.#start();
    });
  }

  async finish(): Promise<void> {
    while (!this.#queue.isEmpty && this.#failure === undefined) await this.#finished.promise;
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #start(): void {
    while (this.#free.length > 0 && this.#failure === undefined) {
      const build = this.#queue.start();
      if (build === undefined) return;
      const session = this.#free.pop() as Session;
      this.#run(session, build.what)
        .catch((error: unknown) => {
          this.#failure ??= { error };
        })
        .finally(() => {
          this.#queue.finish(build);
          this.#free.push(session);
          this.#start();
          this.#finished.resolve();
          this.#finished = Promise.withResolvers();
        });
    }
  }

  async #run(session: Session, statement: BuildStatement): Promise<void> {
    await this.#prepare(session);
    const memory = statement.method === 'gin' ? buildMemory.gin : buildMemory.others;
    if (this.#memoryOf.get(session) !== memory) await session.run(`SET maintenance_work_mem = '${memory}'`);
    this.#memoryOf.set(session, memory);
    await runLocated(session, statement);
  }
}
