// What a restore is asked for, and what came of it.

import type { Comparison } from '../archive/comparison.ts';
import type { Inventory } from '../archive/inventory.ts';
import type { SourceDatabase } from '../archive/source-database.ts';
import { OffsiteError } from '../base/errors.ts';
import type { Connection } from '../postgres/connection.ts';
import type { DumpHead } from './dump-head.ts';
import type { BuildProgress } from './indexes.ts';
import type { Way } from './load.ts';
import type { Mark } from './mark.ts';
import type { Replaced } from './replaced.ts';
import type { Server } from './server.ts';

export type Stage = 'load' | 'compare' | 'swap';

export type RestoreOptions = {
  /** To the server, as a role that may create databases. */
  readonly connection: Connection;
  /** The same, where somebody has opened it already. */
  readonly server?: Server | undefined;
  /** The database to make; must not exist. */
  readonly database: string;
  /** The dump's plain text. It must fail rather than end when it was cut. */
  readonly dump: AsyncIterable<Uint8Array>;
  /** How a person reads it, for a shell: `gunzip -c FILE`. */
  readonly byHand?: string | undefined;
  /** What the agent was told of the database that was dumped; else the dump's own words decide. */
  readonly source?: SourceDatabase | undefined;
  /** Whose place it is to take: where neither that nor the dump speaks, it is given what this one has. */
  readonly replaced?: Replaced | undefined;
  /** All roles that the dump names, as it writes them, where that is known. */
  readonly roles?: readonly string[] | undefined;
  /** Creates missing roles, instead of refusing what they own and leaving out what they were granted. */
  readonly createRoles?: boolean | undefined;
  /** Holds what came back against what the dump holds, by its inventory where that is known. */
  readonly compare?: { readonly inventory?: Inventory | undefined } | undefined;
  /** Sessions that load at the same time, where the server can be reached so; one psql where it is not given. */
  readonly jobs?: number | undefined;
  readonly mark?: Mark | undefined;
  /** Called when the dump is known to begin, before anything is made. */
  readonly beforeCreate?: ((server: Server, head: DumpHead) => Promise<void>) | undefined;
  /**
   * Called when the database is whole.
   *
   * @returns The name that it has then. If it has not got the place that it was meant for, why: it is kept all the same.
   */
  readonly place?:
    | ((server: Server, mark: Mark) => Promise<{ readonly name: string; readonly refusal?: OffsiteError }>)
    | undefined;
  readonly onStage?: ((stage: Stage) => void) | undefined;
  /** Told of each index, key or trigger that is begun. */
  readonly onBuild?: ((build: BuildProgress) => void) | undefined;
  /** Where to stand while creating and dropping. */
  readonly maintenanceDatabase?: string | undefined;
  readonly binDir?: string | undefined;
  /** Told what the operator should know. */
  readonly warn?: ((sentence: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type Restored = {
  /** Its name in the end. */
  readonly database: string;
  readonly way: Way;
  /** Empty where nothing was compared. */
  readonly comparisons: readonly Comparison[];
};

/** @throws `INTERRUPTED`. */
export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  if (signal.reason instanceof OffsiteError) throw signal.reason;
  throw new OffsiteError('INTERRUPTED', 'the restore was interrupted', {
    expected: 'to be left alone until the end',
    found: 'a signal to stop',
    hint: 'run the same command again: it begins anew',
    cause: signal.reason,
  });
}
