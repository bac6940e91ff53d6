// Makes indexes, keys and triggers, several at a time.

import { StatementError } from '../postgres/statement-error.ts';
import type { DumpSession, Located } from './dump-session.ts';
import { BuildQueue, type Waiting } from './queue.ts';
import { Stepping } from './stepping.ts';

/** The best sizes for BitAgent's indexes, measured: GIN's own buffers beyond the cache make it slower, not faster. */
const buildMemory = { gin: '16MB', others: '64MB' };

/**
 * What running several at a time may be the reason for: a deadlock, a lock that was not given, a constraint of rows that
 * another one was still at. @see https://www.postgresql.org/docs/16/errcodes-appendix.html
 */
const againAlone = /^(?:40|55|23)/;

export type BuildStatement = Located & { readonly method: string; readonly name: string };

/** Which one was begun, and how far that is of what is known to come. */
export type BuildProgress = {
  readonly name: string;
  readonly made: number;
  readonly known: number;
  /** What is made of all the work, by the rows that go into it; 1 is all. */
  readonly share: number;
};

/** Bytes of rows that are gone through in no time, and how many such builds a session is given at once. */
const light = { bytes: 1024 ** 2, most: 16 };

/** Runs what is given to it as soon as it may be, as many at a time as there are sessions. */
export class Builder {
  readonly #queue = new BuildQueue<BuildStatement>();
  readonly #free: DumpSession[];
  readonly #onBuild: (build: BuildProgress) => void;
  #running = 0;
  #made = 0;
  #known = 0;
  #madeWeight = 0;
  #knownWeight = 0;
  /** Refused while others ran: each has another try with nothing beside it. */
  readonly #refused = new Set<Waiting<BuildStatement>>();
  readonly #stepping = new Stepping();
  #starting: NodeJS.Immediate | undefined;

  constructor(sessions: readonly DumpSession[], onBuild: (build: BuildProgress) => void = () => undefined) {
    this.#free = [...sessions];
    this.#onBuild = onBuild;
  }

  add(build: Waiting<BuildStatement>): void {
    this.#stepping.throwFailure();
    this.#queue.add(build);
    this.#known += 1;
    this.#knownWeight += build.weight;
    // Not at once: the heaviest of those that come with the same chunk goes first.
    this.#starting ??= setImmediate(() => {
      this.#starting = undefined;
      this.#start();
    });
  }

  /** Settles when all that were added are made. */
  async finish(): Promise<void> {
    await this.#stepping.until(() => this.#queue.isEmpty);
  }

  #start(): void {
    while (this.#free.length > 0 && !this.#stepping.hasFailed) {
      const [again] = this.#refused;
      if (again !== undefined && this.#running > 0) return;
      const builds = again === undefined ? this.#next() : [again];
      if (builds.length === 0) return;
      void this.#run(this.#free.pop() as DumpSession, builds);
    }
  }

  /** What one session is to make next: a heavy build, or its share of the light ones. */
  #next(): Waiting<BuildStatement>[] {
    const builds: Waiting<BuildStatement>[] = [];
    const most = Math.min(light.most, Math.ceil(this.#queue.readyCount / this.#free.length));
    do {
      const build = this.#queue.start();
      if (build === undefined) break;
      builds.push(build);
    } while (builds.length < most && (builds[0]?.weight ?? 0) < light.bytes);
    return builds;
  }

  async #run(session: DumpSession, builds: readonly Waiting<BuildStatement>[]): Promise<void> {
    this.#running += 1;
    const failure = await this.#make(session, builds).catch((error: unknown) => error);
    this.#running -= 1;
    this.#free.push(session);
    this.#stepping.step(failure);
    this.#start();
  }

  /** @throws What is the end of the restore. */
  async #make(session: DumpSession, builds: readonly Waiting<BuildStatement>[]): Promise<void> {
    const statements = builds.map(({ what }) => what);
    const areMade = builds.length > 1 && (await session.together(statements));
    for (const build of builds) await this.#makeOne(session, build, areMade);
  }

  async #makeOne(session: DumpSession, build: Waiting<BuildStatement>, isMade: boolean): Promise<void> {
    const alone = this.#refused.has(build);
    const share = this.#knownWeight === 0 ? 0 : this.#madeWeight / this.#knownWeight;
    this.#onBuild({ name: build.what.name, made: this.#made, known: this.#known, share });
    try {
      if (!isMade) {
        await session.useBuildMemory(build.what.method === 'gin' ? buildMemory.gin : buildMemory.others);
        await session.run(build.what);
      }
      this.#refused.delete(build);
      this.#queue.finish(build);
      this.#made += 1;
      this.#madeWeight += build.weight;
    } catch (error) {
      if (alone || !mayBeRefusedByOthers(error)) throw error;
      this.#refused.add(build);
    }
  }
}

function mayBeRefusedByOthers(error: unknown): boolean {
  return (
    error instanceof StatementError &&
    againAlone.test((error.cause as { code?: string } | undefined)?.code ?? '')
  );
}
