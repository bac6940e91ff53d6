// What the end of a pg_receivewal means: whether it passes by itself, and else what a person has to do.

import { OffsiteError } from '../base/errors.ts';
import type { ChildFailure } from '../base/process.ts';
import { formatBytes } from '../base/quantities.ts';
import { clientError, errorLine } from '../postgres/client-error.ts';
import type { Connection } from '../postgres/connection.ts';
import { preparationFor } from '../postgres/preparations.ts';
import { formatLsn, type Lsn } from './segment.ts';
import type { LogServer } from './slot.ts';

/** Where log is received to. */
export type Receipt = {
  readonly slotName: string;
  readonly folder: string;
  /** Up to where it was received; `undefined` if none of it was, as far as the folder knows. */
  readonly receivedTo: Lsn | undefined;
};

/**
 * Sees whether a slot can still be received from.
 *
 * @throws {@link OffsiteError} `WAL_SLOT_LOST` if the server has given it up, `USAGE` for one that is of another kind.
 */
export function assertSlot(server: LogServer, receipt: Receipt): void {
  const { slot } = server;
  if (slot?.kind === 'logical')
    throw new OffsiteError('USAGE', `replication slot ${receipt.slotName} cannot be used`, {
      expected: 'a physical one, or none of this name',
      found: 'a logical one',
      hint: 'name another: --slot NAME; it is created where there is none',
    });
  if (slot?.walStatus === 'lost') throw slotLostError(server, receipt, "the slot's wal_status is lost");
}

/** Tells why log is not received any more. */
export function receiverError(
  connection: Connection,
  server: LogServer,
  receipt: Receipt,
  failure: ChildFailure,
): OffsiteError {
  const { stderr } = failure;
  const preparation = preparationFor(stderr);
  if (preparation !== undefined)
    return new OffsiteError('DATABASE_REFUSED', 'the server gives no log', preparation);
  if (/has already been removed|can no longer (get changes|access)|invalidated/.test(stderr))
    return slotLostError(server, receipt, errorLine(stderr));
  if (
    /not in this server's history|is not present in the server|ahead of the WAL flush position/.test(stderr)
  )
    return leftError(receipt, errorLine(stderr));
  if (failure.startError !== undefined) return clientError(connection, 'pg_receivewal', failure);
  return new OffsiteError('DATABASE_UNREACHABLE', 'the stream of the log ended', {
    expected: 'the server to send its log for ever',
    found: errorLine(stderr) || `exit code ${failure.exitCode} of pg_receivewal`,
    hint: /is active for PID/.test(stderr)
      ? `another receives by this slot, or the server has not noticed yet that it is gone: end one of the two, or give this one a slot and a folder of its own (--slot, --dir); SELECT * FROM pg_stat_replication shows who it is`
      : 'nothing has to be done while the server is down: it is begun again where it ended, and the server keeps for the slot what comes meanwhile (SELECT * FROM pg_replication_slots)',
  });
}

/** Whether it is worth another attempt by itself. */
export function isPassing(error: unknown): error is OffsiteError {
  return error instanceof OffsiteError && error.code === 'DATABASE_UNREACHABLE';
}

function slotLostError({ position, slot }: LogServer, receipt: Receipt, found: string): OffsiteError {
  const { slotName, folder, receivedTo } = receipt;
  const lost =
    receivedTo === undefined
      ? `log up to ${formatLsn(position)}`
      : `the log from ${formatLsn(receivedTo)} to ${formatLsn(position)} (${formatBytes(Number(position - receivedTo))})`;
  const drop = slot === undefined ? '' : `SELECT pg_drop_replication_slot('${slotName}') on the server; `;
  return new OffsiteError('WAL_SLOT_LOST', `${lost} was removed by the server before it was received`, {
    expected: `replication slot ${slotName} to keep it`,
    found,
    hint: `no point in it can be recovered, and none after it from an older base backup. ${drop}remove ${folder}, all of which is in the vault; run this again, and take a base backup: offsite basebackup. A larger max_slot_wal_keep_size keeps more, where the disk has room`,
  });
}

/** Of a server that was brought back to a point, or promoted, before the end of what another had given. */
function leftError({ folder, receivedTo }: Receipt, found: string): OffsiteError {
  return new OffsiteError('WAL_FOREIGN', 'this server never had the log that was received last', {
    expected: `a server whose log leads to ${receivedTo === undefined ? 'what was received' : formatLsn(receivedTo)}`,
    found,
    hint: `it was promoted, or restored, before that point. What was received stays in the vault on its timeline (offsite restore --timeline). Remove ${folder}, all of which is in the vault; run this again, and take a base backup: offsite basebackup`,
  });
}
