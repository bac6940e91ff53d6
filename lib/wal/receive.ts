// receive: the server's log as it is written, by a replication slot; each segment goes to the vault when it is finished, and the one
// that is being written every so often. What the server gives and what the vault takes wait for each other nowhere but on this disk.

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseWalFile } from '../archive/wal-names.ts';
import { describeError, OffsiteError } from '../base/errors.ts';
import { makeFolder } from '../base/make-folder.ts';
import type { Connection } from '../postgres/connection.ts';
import { preparationFor } from '../postgres/preparations.ts';
import { withoutTries } from '../store/persist.ts';
import { foreignError } from './cluster.ts';
import { ReceivedFolder } from './received-folder.ts';
import { runReceiver } from './receiver.ts';
import { assertSlot, isPassing, receiverError } from './receiver-error.ts';
import { formatLsn } from './segment.ts';
import { type Backlog, type ShipOptions, walFilesIn } from './ship.ts';
import { askLogServer, createSlot, dropSlot, type LogServer } from './slot.ts';

export type ReceiveOptions = ShipOptions & {
  readonly connection: Extract<Connection, { via: 'server' }>;
  /** Of the replication slot, which is created where there is none. */
  readonly slotName: string;
  /** How often the segment that is being written is shipped; 0 is never. */
  readonly partialIntervalMs: number;
  /** How often it is told what was shipped and what waits. */
  readonly tellEveryMs: number;
  /** How often the folder is looked at. */
  readonly lookEveryMs: number;
  /** How long after a failure the server is asked again. */
  readonly retryMs: number;
  /** How long what was received is shipped once it is told to end. */
  readonly endWithinMs: number;
  /** Told each time that the server answers, before anything is received. */
  readonly onServer: (server: LogServer) => void | Promise<void>;
  readonly onReport: (report: ReceiveReport) => void;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
};

export type ReceiveReport = {
  /** Shipped since the last report: finished ones, and copies of those that are being written. */
  readonly finished: number;
  readonly begun: number;
  /** What is here and not in the vault yet. */
  readonly waiting: Backlog;
  /** What the server keeps until it is received; `undefined` where it does not answer. */
  readonly serverBytes: number | undefined;
};

/**
 * Receives and ships until it is ended.
 *
 * @throws {@link OffsiteError} What does not pass by itself: `WAL_SLOT_LOST`, `WAL_FOREIGN`, `DATABASE_REFUSED`, `PROGRAM_MISSING`, `USAGE`; or the
 *   signal's reason. What was received is in the vault then, or still in the folder.
 */
export async function receiveWal(options: ReceiveOptions): Promise<never> {
  await makeFolder(options.folder, 0o700);
  await removeCopies(options.folder);
  await leaveFormer(options);
  const failing = new AbortController();
  const receipt = new Receipt({ ...options, signal: AbortSignal.any([options.signal, failing.signal]) });
  const loops = [receipt.receive(), receipt.ship(), receipt.tell()];
  try {
    return await Promise.race(loops);
  } catch (error) {
    failing.abort(error);
    await Promise.allSettled(loops);
    // What was received is worth as much as before; who is told to end has seconds.
    const told = options.signal.aborted;
    const signal = told ? AbortSignal.timeout(options.endWithinMs) : options.signal;
    await new Receipt({ ...options, signal })
      .shipOnce(!told || options.partialIntervalMs > 0)
      .catch((other) => options.say(describeError(signal.aborted ? unshipped(options) : other)));
    options.signal.throwIfAborted();
    throw error;
  }
}

function unshipped({ folder, endWithinMs }: ReceiveOptions): OffsiteError {
  return new OffsiteError('INTERRUPTED', 'not all that was received could be shipped in time', {
    expected: `the vault to take it within ${endWithinMs / 1000} s`,
    found: 'a store that takes longer, or more than that',
    hint: `it waits in ${folder}: run the same command again, which ships it`,
  });
}

class Receipt {
  readonly #options: ReceiveOptions;
  readonly #folder: ReceivedFolder;
  readonly #said = new Map<string, string>();
  #systemIdentifier: string | undefined;
  #finished = 0;
  #begun = 0;

  constructor(options: ReceiveOptions) {
    this.#options = options;
    this.#folder = new ReceivedFolder(options);
    this.#systemIdentifier = options.systemIdentifier;
  }

  async receive(): Promise<never> {
    const { signal, retryMs } = this.#options;
    for (;;) {
      const error = await this.#receiveOnce().catch((thrown: unknown) => thrown);
      signal.throwIfAborted();
      if (!isPassing(error)) throw error;
      this.#sayOnce('server', error);
      await sleep(retryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  async ship(): Promise<never> {
    const { signal, lookEveryMs, partialIntervalMs } = this.#options;
    let begunAt = performance.now();
    for (;;) {
      const isDue = partialIntervalMs > 0 && performance.now() - begunAt >= partialIntervalMs;
      if (isDue) begunAt = performance.now();
      const failure = await this.shipOnce(isDue).then(() => undefined, asFailure);
      signal.throwIfAborted();
      this.#sayOnce('vault', failure);
      await sleep(lookEveryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /** @throws What is wrong with the store, or with the first file that it did not take. */
  async shipOnce(withBegun: boolean): Promise<void> {
    const { shipped, failures } = await this.#folder.shipFinished(this.#systemIdentifier);
    this.#finished += shipped;
    if (withBegun) this.#begun += await this.#folder.shipBegun(this.#systemIdentifier);
    if (failures[0] !== undefined) throw failures[0].error;
  }

  async tell(): Promise<never> {
    const { signal, tellEveryMs, connection, slotName, onReport } = this.#options;
    for (;;) {
      await sleep(tellEveryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      const server = await askLogServer(connection, slotName, signal).catch(() => undefined);
      const waiting = await this.#folder.backlog();
      const [finished, begun] = [this.#finished, this.#begun];
      this.#finished = 0;
      this.#begun = 0;
      onReport({ finished, begun, waiting, serverBytes: keptBytes(server) });
    }
  }

  /** @returns Why it ended. @throws Why it could not begin. */
  async #receiveOnce(): Promise<OffsiteError> {
    const { connection, folder, slotName, source, formers = [], signal } = this.#options;
    const server = await askLogServer(connection, slotName, signal);
    const { systemIdentifier, segmentBytes } = server;
    if (
      this.#systemIdentifier !== undefined &&
      ![this.#systemIdentifier, ...formers].includes(systemIdentifier)
    )
      throw foreignError(source, this.#systemIdentifier, systemIdentifier);
    const place = { slotName, folder, receivedTo: await this.#folder.receivedTo(segmentBytes) };
    assertSlot(server, place);
    this.#systemIdentifier = systemIdentifier;
    await this.#options.onServer(server);
    if (server.slot === undefined) await this.#createSlot(place.receivedTo);
    await removeUnmade(folder, segmentBytes);
    const failure = await runReceiver(connection, folder, slotName, signal);
    signal.throwIfAborted();
    const now = await askLogServer(connection, slotName, signal).catch(() => server);
    const receivedTo = await this.#folder.receivedTo(segmentBytes);
    const error = receiverError(connection, now, { ...place, receivedTo }, failure);
    // One that we made a moment ago, at log which is gone, or by which nobody is let in, serves nobody and keeps what comes.
    if (!isPassing(error) && server.slot === undefined) await this.#dropSlot();
    return error;
  }

  async #dropSlot(): Promise<void> {
    const { connection, slotName, signal, say } = this.#options;
    await dropSlot(connection, slotName, signal).then(
      () => say(`replication slot ${slotName} was dropped again: nobody can receive by it`),
      (error) => say(describeError(error)),
    );
  }

  async #createSlot(receivedTo: bigint | undefined): Promise<void> {
    const { connection, slotName, signal, say } = this.#options;
    await createSlot(connection, slotName, signal).catch((error) => {
      const preparation = error instanceof OffsiteError && preparationFor(error.found);
      throw preparation ? new OffsiteError('DATABASE_REFUSED', 'no slot can be created', preparation) : error;
    });
    const { slot } = await askLogServer(connection, slotName, signal);
    const from = receivedTo ?? slot?.keepsFrom;
    say(
      `replication slot ${slotName} was created: the server keeps its log for it until it is here${from === undefined ? '' : `, from ${formatLsn(from)} on`}. A server that is not received from any more fills its disk: SELECT pg_drop_replication_slot('${slotName}') ends that`,
    );
  }

  /** Says what is wrong, until it is something else. */
  #sayOnce(of: string, failure: OffsiteError | undefined): void {
    const text = failure === undefined ? '' : describeError(failure);
    const what = withoutTries(text);
    if (what !== '' && this.#said.get(of) !== what) this.#options.say(text);
    this.#said.set(of, what);
  }
}

/** Whose log it is from now on the server says, or was noted by a base backup where it is a stranger, or does not answer. */
async function leaveFormer(options: ReceiveOptions): Promise<void> {
  const { connection, slotName, signal, formers = [] } = options;
  const server = await askLogServer(connection, slotName, signal).catch(() => undefined);
  const isFormer = server !== undefined && formers.includes(server.systemIdentifier);
  const systemIdentifier = (isFormer ? undefined : options.systemIdentifier) ?? server?.systemIdentifier;
  if (systemIdentifier === undefined) return;
  // What is shipped is the former one's: it is not to be noted as the source's.
  const { onPushed: _, ...shipping } = options;
  await new ReceivedFolder(shipping).leaveFormer(systemIdentifier);
}

/** What an agent that was killed had copied. */
async function removeCopies(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (parseWalFile(name)?.kind === 'begun') await rm(join(folder, name), { force: true });
}

/** A file that was not given its length yet when pg_receivewal was killed: it would take none but of that, and there is nothing in it. */
async function removeUnmade(folder: string, segmentBytes: number): Promise<void> {
  for (const { kind, name } of await walFilesIn(folder)) {
    const path = join(folder, name);
    if (kind === 'partial' && (await stat(path)).size !== segmentBytes) await rm(path);
  }
}

function keptBytes(server: LogServer | undefined): number | undefined {
  const from = server?.slot?.keepsFrom;
  return server === undefined || from === undefined ? undefined : Number(server.position - from);
}

/** @throws What no further attempt can mend. */
function asFailure(error: unknown): OffsiteError {
  if (error instanceof OffsiteError && error.code !== 'INTERRUPTED') return error;
  throw error;
}
