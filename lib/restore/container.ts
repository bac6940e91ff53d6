// A container beside the database's that uses it: stopped while databases change places, and started again.

import { OffsiteError } from '../base/errors.ts';
import { type ChildFailure, textOf } from '../base/process.ts';

/** Docker itself gives a container ten seconds to end. */
const dockerWithinMs = 60_000;

async function docker(...args: string[]): Promise<string> {
  const errorOf = ({ startError, stderr, exitCode }: ChildFailure) =>
    new OffsiteError('CONTAINER_UNREACHABLE', `docker did not ${args[0]} ${args.at(-1)}`, {
      expected: `'docker ${args.join(' ')}' to succeed`,
      found: startError ?? (stderr.trim().split('\n')[0] || `exit code ${exitCode}`),
      hint: "see 'docker ps' for its name; to use Docker, be root or in group docker",
    });
  return textOf({ program: 'docker', args }, { errorOf, signal: AbortSignal.timeout(dockerWithinMs) });
}

/** @returns Whether it runs. @throws {@link OffsiteError} `CONTAINER_UNREACHABLE` where there is none. */
export async function isRunning(container: string): Promise<boolean> {
  return (
    (await docker('inspect', '--type', 'container', '--format', '{{.State.Running}}', container)).trim() ===
    'true'
  );
}

export async function stopContainer(container: string): Promise<void> {
  await docker('stop', container);
}

/** Starts it again; a failure is told, for what was done stands. @returns Whether it runs. */
export async function startContainer(container: string, warn: (sentence: string) => void): Promise<boolean> {
  return docker('start', container).then(
    () => true,
    ({ found }: OffsiteError) => {
      warn(
        `container ${container} is stopped, and could not be started again (${found}): docker start ${container}`,
      );
      return false;
    },
  );
}

/** A container's own, as far as Docker tells; one that shares the host's network has none. */
export async function addressesOf(container: string): Promise<string[]> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}';
  const said = docker('inspect', '--type', 'container', '--format', format, container);
  return (await said.catch(() => '')).split(/\s+/).filter(Boolean);
}

/** Names of the running containers by their addresses; none where Docker does not tell. */
export async function containersByAddress(): Promise<ReadonlyMap<string, string>> {
  const format = '{{.Name}}{{range .NetworkSettings.Networks}} {{.IPAddress}}{{end}}';
  try {
    const ids = (await docker('ps', '--quiet')).split('\n').filter(Boolean);
    if (ids.length === 0) return new Map();
    const lines = (await docker('inspect', '--format', format, ...ids)).split('\n');
    return new Map(
      lines.flatMap((line) => {
        const [name = '', ...addresses] = line.split(' ');
        return addresses.map((address) => [address, name.replace(/^\//, '')] as const);
      }),
    );
  } catch {
    return new Map();
  }
}
