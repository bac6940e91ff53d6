// Whether a program was started, where the host may have nothing left to start it with.

import type { ChildProcess } from 'node:child_process';
import { OffsiteError } from './errors.ts';

const lacks: Readonly<Record<string, readonly [found: string, remedy: string]>> = {
  EMFILE: [
    'this process may open no more files',
    'allow it more: LimitNOFILE= in a systemd unit, ulimit -n in a shell',
  ],
  ENFILE: ['this machine may open no more files', 'allow it more: sysctl fs.file-max'],
  EAGAIN: [
    'no further process is allowed here',
    'allow more: TasksMax= in a systemd unit, ulimit -u in a shell, --pids-limit of a container',
  ],
  ENOMEM: ['no memory is left for it', 'free some, or allow more: MemoryMax= in a systemd unit, swap'],
};

/** What to do where the system's word for a failure is that this host has no more of something; `undefined` for another. */
export function remedyOf(word: string | undefined): string | undefined {
  return lacks[word ?? '']?.[1];
}

/** @returns The error of a program that the host had nothing left to start with; `undefined` if something else was the matter. */
export function exhaustion(program: string, startError: string | undefined): OffsiteError | undefined {
  const [found, hint] = lacks[startError ?? ''] ?? [];
  if (found === undefined || hint === undefined) return undefined;
  return new OffsiteError('HOST_EXHAUSTED', `${program} cannot be started`, {
    expected: 'a host with room for one more program',
    found: `${startError}: ${found}`,
    hint: `${hint}; then run again`,
  });
}

/**
 * A child that was started, or will say why not.
 *
 * @throws {@link OffsiteError} `HOST_EXHAUSTED` where no file can be opened: Node gives a child without streams then.
 */
export function started<C extends ChildProcess>(child: C, program: string): C {
  if (child.pid !== undefined || child.stdio !== undefined) return child;
  // Said later, and known already.
  child.on('error', () => undefined);
  throw exhaustion(program, 'EMFILE');
}
