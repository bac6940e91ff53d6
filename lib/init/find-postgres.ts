// The containers of this host that a database may be in, as Docker tells.

import { runDocker } from '../recover/docker.ts';
import { type PostgresContainer, postgresAmong } from './postgres-containers.ts';

/**
 * Asks Docker for the containers that run.
 *
 * @returns None where there is no Docker, or this user may not ask it.
 */
export async function findPostgres(signal: AbortSignal): Promise<PostgresContainer[]> {
  const asked = async (what: string, ...args: string[]) =>
    runDocker(['docker', ...args], { what, signal, withinMs: 10_000 });
  try {
    const ids = (await asked('list containers', 'ps', '--quiet', '--no-trunc')).split(/\s+/).filter(Boolean);
    if (ids.length === 0) return [];
    return postgresAmong(JSON.parse(await asked('show containers', 'container', 'inspect', ...ids)));
  } catch {
    signal.throwIfAborted();
    return [];
  }
}
