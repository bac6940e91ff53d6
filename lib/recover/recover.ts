// recover: BitAgent back on a new host, as its documentation's checklist says: Postgres alone, the newest intact archive
// into it, then everything else. Nothing that is in a database is overwritten without the word.

import { setTimeout as sleep } from 'node:timers/promises';
import { OffsiteError } from '../base/errors.ts';
import { formatCount, formatDuration } from '../base/quantities.ts';
import type { Connection } from '../postgres/connection.ts';
import { type App, askDht, checkHealth, type Limits } from './checks.ts';
import { countRows, type Found, lookInto, tidy } from './database.ts';
import { isReady, lastLog, untilReady } from './docker.ts';
import { isSameDatabase, type Noted } from './noted.ts';
import type { Stack } from './stack.ts';
import type { Step } from './steps.ts';

export type Recovery = {
  readonly stack: Stack;
  /** The Docker engine's id. */
  readonly engine: string;
  readonly source: string;
  /** The archive to restore, and the rows of the counted table in it. */
  readonly archive: { readonly id: string; readonly torrents: number | undefined };
  /** Whether the operator named it: then what was restored from another does not count. */
  readonly isNamed: boolean;
  /** To the server in the database's container. */
  connectionTo(container: string): Connection;
  readonly database: string;
  readonly app: App;
  readonly limits: Limits;
  /** How long the DHT may take. */
  readonly dhtWithinMs: number;
  readonly notes: { read(): Promise<Noted | undefined>; write(noted: Noted): Promise<void> };
  /** Restores the archive beside the database, and lets them change places. */
  bringBack(connection: Connection): Promise<unknown>;
  /** @returns Whether the database holds all that an archive holds. */
  holdsAllOf(connection: Connection, archive: string): Promise<boolean>;
  /** Whether a database with something in it may be put aside. */
  readonly mayPutAside: boolean;
  /** Given the rows of the counted table, where a proof asks for them: of tens of millions, that takes minutes. */
  onCounted(rows: number): void;
  say(line: string): void;
  warn(sentence: string): void;
  readonly signal: AbortSignal;
};

/** BitAgent opens its port when its migrations are through. */
const healthyWithinMs = 15 * 60_000;
const lookEveryMs = 1000;
/** `/status` calls a crawler up that has begun less than 30 s ago, whether anybody answered it or not. */
const dhtSettlesMs = 31_000;

export function recoverySteps(recovery: Recovery): Step[] {
  return [postgresStep(recovery), restoreStep(recovery), appStep(recovery), dhtStep(recovery)];
}

function postgresStep({ stack, signal }: Recovery): Step {
  const { postgres, database } = stack;
  return {
    name: 'postgres',
    does: `start ${postgres.name} alone, and wait until it takes sessions`,
    async proof() {
      const container = await postgres.look(signal);
      if (!container?.isRunning || !(await isReady(container.id, database.user, signal))) return undefined;
      return `${postgres.name} takes sessions`;
    },
    async run() {
      await postgres.start(signal);
      const container = await postgres.look(signal);
      if (container !== undefined) await untilReady(postgres.name, container.id, database.user, signal);
    },
  };
}

function restoreStep(recovery: Recovery): Step {
  const { archive, database, notes, signal, stack } = recovery;
  let justRestored: string | undefined;
  return {
    name: 'restore',
    does: `restore ${archive.id} into the database ${database}`,
    async proof() {
      const noted = await notes.read();
      if (noted === undefined || !concerns(noted, recovery) || noted.restored === undefined) return undefined;
      const connection = await connected(recovery);
      const found = await lookInto({ connection, database, signal });
      if (found.is !== 'filled' || !isSameDatabase(found, noted.restored)) return undefined;
      const held = `${noted.archive} ${formatCount(noted.torrents ?? 0)}`;
      // Its rows were all counted before it took the name.
      if (found.oid === justRestored) return `${database} holds what was archived; ${held} torrents`;
      const rows = (await countRows({ connection, database, signal })) ?? 0;
      recovery.onCounted(rows);
      if (rows < (noted.torrents ?? 0)) return undefined;
      return `${database} holds ${formatCount(rows)} torrents, ${held}`;
    },
    async run() {
      const connection = await connected(recovery);
      await tidy({ connection, database, signal }, recovery.warn);
      const found = await lookInto({ connection, database, signal });
      const noted = await notes.read();
      if (found.is === 'filled' && (await wasRestoredUnnoted(recovery, connection, found, noted))) return;
      if (found.is === 'filled' && !recovery.mayPutAside)
        throw notEmpty(recovery, await countRows({ connection, database, signal }));
      const app = await stack.app.look(signal);
      if (app !== undefined && app.status !== 'exited' && app.status !== 'created') {
        recovery.say(`stopping ${stack.app.name}, which would fill the database meanwhile`);
        await stack.app.stop(signal);
      }
      const begun = noteOf(recovery, { system: found.system });
      await notes.write(begun);
      await recovery.bringBack(connection);
      const restored = await lookInto({ connection, database, signal });
      if (restored.is === 'filled') {
        justRestored = restored.oid;
        await notes.write({ ...begun, restored: { system: restored.system, oid: restored.oid } });
      }
    },
  };
}

function appStep(recovery: Recovery): Step {
  const { stack, app, limits, signal } = recovery;
  const look = async () => {
    const container = await stack.app.look(signal);
    return { container, health: container?.isRunning ? await checkHealth(app, limits, signal) : undefined };
  };
  return {
    name: 'app',
    does: 'start BitAgent and all else, and wait for /healthz',
    async proof() {
      const { health } = await look();
      return health?.outcome === 'pass' ? health.found : undefined;
    },
    async run() {
      await stack.app.start(signal);
      const began = performance.now();
      for (;;) {
        const { container, health } = await look();
        if (health?.outcome === 'pass') return;
        const isLate = performance.now() - began > healthyWithinMs;
        if (isLate || container === undefined || /^(exited|dead)$/.test(container.status)) {
          const log = container === undefined ? '' : await lastLog(container.id, signal);
          throw unhealthy(stack.app.name, health?.found ?? container?.status ?? 'no container', log);
        }
        await sleep(lookEveryMs, undefined, { signal });
      }
    },
  };
}

function dhtStep(recovery: Recovery): Step {
  const { app, stack, limits, dhtWithinMs, signal } = recovery;
  let waitedMs = 0;
  const limit = formatDuration(dhtWithinMs);
  return {
    name: 'dht',
    does: `wait for the DHT, at most ${limit}`,
    async proof() {
      const container = await stack.app.look(signal);
      if (container === undefined) return undefined;
      const runsForMs = Date.now() - container.startedAt.getTime();
      const dht = await askDht(app, limits, signal);
      if (dht === 'up' && runsForMs > dhtSettlesMs) return '/status says that it is up';
      if (dht === 'inactive') return 'the crawler is not running, so there is nothing to wait for';
      if (dht === 'unknown' && runsForMs >= dhtWithinMs) {
        return `/status does not tell of it; BitAgent has run for more than ${limit}`;
      }
      if (waitedMs >= dhtWithinMs) return `waited ${limit}: no peer has answered yet`;
      return undefined;
    },
    async run() {
      const began = performance.now();
      let toldMs = 0;
      while (waitedMs < dhtWithinMs && (await this.proof()) === undefined) {
        await sleep(Math.min(lookEveryMs, dhtWithinMs - waitedMs), undefined, { signal });
        waitedMs = performance.now() - began;
        if (waitedMs - toldMs < 30_000) continue;
        toldMs = waitedMs;
        recovery.say(`waiting for the DHT: ${formatDuration(waitedMs)} of at most ${limit}`);
      }
    },
  };
}

/** The server in the database's container. */
async function connected({ stack, connectionTo, signal }: Recovery): Promise<Connection> {
  const container = await stack.postgres.look(signal);
  if (container?.isRunning) return connectionTo(container.id);
  throw new OffsiteError('CONTAINER_UNREACHABLE', 'the container of the database does not run', {
    expected: `${stack.postgres.name} to run`,
    found: container?.status ?? 'no container',
    hint: "see its log ('docker ps -a', 'docker logs'), and run the same command again",
  });
}

/** Whether a note is about this: the same database of the same engine, and no other archive than the one that is wanted. */
export function concerns(
  noted: Noted,
  {
    source,
    engine,
    database,
    archive,
    isNamed,
  }: Pick<Recovery, 'source' | 'engine' | 'database' | 'archive' | 'isNamed'>,
): boolean {
  const isSamePlace = noted.source === source && noted.engine === engine && noted.database === database;
  return isSamePlace && (!isNamed || noted.archive === archive.id);
}

/** A restore that was over when this program was killed, before it could note so. */
async function wasRestoredUnnoted(
  recovery: Recovery,
  connection: Connection,
  found: Found,
  noted: Noted | undefined,
): Promise<boolean> {
  if (noted?.begun?.system !== found.system || !concerns(noted, recovery)) return false;
  if (!(await recovery.holdsAllOf(connection, noted.archive))) return false;
  await recovery.notes.write({ ...noted, restored: { system: found.system, oid: found.oid } });
  return true;
}

function noteOf({ source, archive, engine, database }: Recovery, begun: { system: string }): Noted {
  const { id, torrents } = archive;
  const rows = torrents === undefined ? {} : { torrents };
  return { format: 1, source, archive: id, ...rows, engine, database, begun };
}

function notEmpty({ database, archive }: Recovery, rows: number | undefined): OffsiteError {
  return new OffsiteError('DATABASE_EXISTS', `the database ${database} is not empty, and was left as it is`, {
    expected: 'an empty database, as on a new host',
    found: rows === undefined ? 'tables, or other things, but no torrents' : `${formatCount(rows)} torrents`,
    hint: `if it is what you want, look at BitAgent ('offsite recover --check'); to restore ${archive.id} and keep this one under another name: offsite recover --put-aside`,
  });
}

function unhealthy(name: string, found: string, log: string): OffsiteError {
  return new OffsiteError('APP_UNHEALTHY', `${name} does not come up`, {
    expected: `/healthz to answer 200 within ${formatDuration(healthyWithinMs)}`,
    found: log === '' ? found : `${found}\nits log ends:\n${log}`,
    hint: 'mend what its log says, or name its address (--app-url URL), and run the same command again: it goes on from here',
  });
}
