// pg_receivewal, which must not outlive us: one that an agent left behind when it was killed would hold the slot, and nobody would
// ship what it writes. A shell stands between, and ends it as soon as the pipe to us is closed, whoever closed it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChildFailure, endOf, killGroup } from '../base/process.ts';
import { started } from '../base/started.ts';
import type { Connection } from '../postgres/connection.ts';
import { clientCommand } from '../postgres/programs.ts';

/** A server that is gone without a word is noticed after a minute, and not after the two hours of TCP. */
const keepalives = {
  keepalives_idle: '20',
  keepalives_interval: '10',
  keepalives_count: '3',
  tcp_user_timeout: '50000',
};
const endsWithinMs = 3000;

const untilPipeCloses = `exec 3<&0
"$@" 3<&- &
child=$!
{ cat <&3 > /dev/null; kill -INT "$child"; } 2> /dev/null &
wait "$child"`;

/**
 * Receives log into a folder, until the stream ends or the signal aborts.
 *
 * @returns How pg_receivewal ended; it is gone then.
 */
export async function runReceiver(
  connection: Extract<Connection, { via: 'server' }>,
  folder: string,
  slotName: string,
  signal: AbortSignal,
): Promise<ChildFailure> {
  const parameters = { ...keepalives, ...connection.parameters };
  const flags = [`--directory=${folder}`, `--slot=${slotName}`, '--no-loop', '--no-password'];
  const { program, args, env } = clientCommand({ ...connection, parameters }, 'pg_receivewal', flags);
  const child = started(
    spawn('sh', ['-c', untilPipeCloses, 'sh', program, ...args], {
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
      env,
    }),
    program,
  );
  child.stdin.on('error', () => undefined);
  const ended = endOf(child);
  const end = { program, exitCode: 0, signal: undefined, startError: undefined, stderr: '' };
  try {
    if (!signal.aborted) await Promise.race([ended, once(signal, 'abort')]);
    child.stdin.end();
    const limit = signal.aborted ? sleep(endsWithinMs, undefined, { ref: false }) : ended;
    const failure = await Promise.race([ended, limit]);
    // A shell's word for a program that is not there.
    const missing = failure?.exitCode === 127 ? { startError: 'ENOENT' } : {};
    return { ...end, ...failure, ...missing };
  } finally {
    killGroup(child.pid, 'SIGKILL');
  }
}
