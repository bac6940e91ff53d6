// Fills the database that was made: loads, compares, makes statistics, gives it what its source had of its own, and lets it
// take its place.

import { assertSame, type Comparison } from '../archive/comparison.ts';
import type { Inventory } from '../archive/inventory.ts';
import { OffsiteError } from '../base/errors.ts';
import type { Connection } from '../postgres/connection.ts';
import type { Session } from '../postgres/session.ts';
import { markerMissing } from '../report/failure.ts';
import { compareWithInventory } from './compare.ts';
import type { DumpHead } from './dump-head.ts';
import type { DumpParts } from './dump-parts.ts';
import { askIn, askingSettings, type Inside } from './inside.ts';
import { analyze, chooseWay, loadDump, type Way } from './load.ts';
import type { Mark } from './mark.ts';
import type { LeavesOut } from './plan.ts';
import { giveComment, giveProperties } from './properties.ts';
import { type Restored, type RestoreOptions, throwIfInterrupted } from './restoring.ts';
import type { Server } from './server.ts';

/** Where a restore is, and how it was begun. */
export type Under = {
  readonly server: Server;
  readonly head: DumpHead;
  readonly mark: Mark;
  readonly warn: (sentence: string) => void;
};

export type Made = { readonly owner: string; readonly leavesOut: LeavesOut };

/** @throws {@link Kept} once it stands; whatever else is thrown, it is not whole. */
export async function fill(
  options: RestoreOptions,
  under: Under & Made & { readonly dump: DumpParts },
): Promise<Restored> {
  const { connection, database, source, signal, jobs, onStage, onBuild, binDir } = options;
  const { server, head, mark, owner, leavesOut, warn, dump } = under;
  const way = chooseWay(server, jobs);
  const leftOut: Buffer[] = [];
  const onLeftOut = (statement: Buffer) => void leftOut.push(statement);
  onStage?.('load');
  const inside = await loadDump({
    ...{ connection, database, dump, way, run: server.run, leavesOut, onLeftOut, onBuild, binDir, signal },
  });
  const isTaken = options.replaced !== undefined && head.creation !== undefined;
  const own = { owner, source, isTaken, leftOut, encoding: head.encoding, run: server.run, warn };
  let comparisons: readonly Comparison[];
  try {
    throwIfInterrupted(signal);
    const inventory = dump.inventory ?? options.compare?.inventory;
    onStage?.('compare');
    const asking = await askingIn(inside, way, (sql) => server.run(sql, database, signal));
    comparisons = await comparedAndAnalyzed(asking, inventory, options, warn);
    throwIfInterrupted(signal);
    await giveProperties({ ...own, database, runInside: asking.ask });
  } finally {
    await inside?.close();
  }
  throwIfInterrupted(signal);
  onStage?.('swap');
  const { name, refusal } = (await options.place?.(server, { ...mark, comment: source?.comment })) ?? {
    name: database,
  };
  // From here on it stands, whatever comes.
  const runInside = (sql: string) => server.run(sql, name);
  await giveComment({ ...own, database: name, runInside }).catch((error: Error) =>
    warn(`the comment of ${name} could not be given: ${error.message}`),
  );
  if (refusal !== undefined) throw new Kept(refusal);
  return { database: name, way, comparisons };
}

/** How the loaded database is asked, and its statistics made. */
type Asking = {
  readonly ask: (sql: string) => Promise<string[][]>;
  readonly analyze: () => Promise<void>;
  /** Whether that is done by other sessions, and so at the same time. */
  readonly isBeside: boolean;
};

async function askingIn(
  inside: Inside | undefined,
  way: Way,
  byPsql: (sql: string) => Promise<string[][]>,
): Promise<Asking> {
  if (inside === undefined || way.by === 'psql')
    return { ask: byPsql, analyze: async () => void (await byPsql('ANALYZE')), isBeside: true };
  const [session, ...others] = await inside.take(way.sessions);
  const asked = session as Session;
  await asked.run(askingSettings);
  const isBeside = others.length > 0;
  return {
    ask: (sql) => askIn(asked, sql),
    analyze: () => analyze(isBeside ? others : [asked]),
    isBeside,
  };
}

/** Both only read: side by side, where there are sessions for that. */
async function comparedAndAnalyzed(
  asking: Asking,
  inventory: Inventory | undefined,
  { connection, database, signal }: RestoreOptions,
  warn: (sentence: string) => void,
): Promise<Comparison[]> {
  let isWanted = true;
  const analyzed = () =>
    asking.analyze().catch((error: Error) => {
      if (isWanted && !signal?.aborted) warn(notAnalyzed(database, error));
    });
  const analyzing = asking.isBeside ? analyzed() : undefined;
  const comparisons = await compared(connection, asking, inventory, warn).catch((error) => {
    isWanted = false;
    throw error;
  });
  await (analyzing ?? analyzed());
  return comparisons;
}

/** What went wrong after the restored database was whole: it is not dropped. */
export class Kept extends Error {
  readonly refusal: OffsiteError;
  constructor(refusal: OffsiteError) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** @throws `RESTORE_FAILED`, `DUMP_INCOMPLETE` where not everything came back. */
async function compared(
  connection: Connection,
  asking: Asking,
  inventory: Inventory | undefined,
  warn: (sentence: string) => void,
): Promise<Comparison[]> {
  if (inventory === undefined) return [];
  if (inventory.endMarker !== 'end') throw markerMissing();
  // Rows that a policy hides are no rows that are missing.
  const ask = (sql: string) => asking.ask(`SET row_security = off;\n${sql}`);
  const comparisons = await compareWithInventory(connection, inventory, { ask }).catch(
    (error: OffsiteError) => {
      if (!/permission denied|row-level security/.test(error.found)) throw error;
      warn(`not compared with what was dumped: this role may not read all of it (${error.found})`);
      return [];
    },
  );
  assertSame(
    comparisons,
    'every statement was taken, and not everything came back: try another archive (offsite list), and run offsite restore-test on this one',
  );
  return comparisons;
}

function notAnalyzed(database: string, error: Error): string {
  const found = error instanceof OffsiteError ? error.found : error.message;
  return `the planner's statistics could not be made (${found}): run ANALYZE in ${database}, or its queries are slow until autovacuum does`;
}
