// BitAgent's containers on this host: those of a Compose file, or, where there is no Compose, two that were made by hand.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { composeFiles } from '../base/compose-files.ts';
import { OffsiteError } from '../base/errors.ts';
import { addressesOf, chooseApp, choosePostgres, parseCompose, type Service } from './compose-file.ts';
import { type Container, findCompose, lookAtContainer, runDocker, startByDocker } from './docker.ts';
import { composeError } from './docker-words.ts';
import { databaseOf, keysOf, secretsOf } from './service-environment.ts';

export type StackOptions = {
  readonly composeFile?: string | undefined;
  readonly envFile?: string | undefined;
  /** Names of services. */
  readonly service?: string | undefined;
  readonly postgresService?: string | undefined;
  /** Names of containers, in the place of a Compose file. */
  readonly appContainer?: string | undefined;
  readonly postgresContainer?: string | undefined;
};

/** One of the two. */
export type Part = {
  /** As the operator knows it. */
  readonly name: string;
  /** @returns Its container, running or not; `undefined` if it was not made yet. */
  look(signal: AbortSignal): Promise<Container | undefined>;
  /** Starts it and what it depends on; an image is pulled where it is missing. */
  start(signal: AbortSignal): Promise<void>;
  stop(signal: AbortSignal): Promise<void>;
};

export type Stack = {
  /** `docker-compose.yml`, or the names of the containers. */
  readonly name: string;
  readonly postgres: Part;
  readonly app: Part;
  /** What the stack says of its database, its keys (secrets) and where it answers. */
  readonly database: ReturnType<typeof databaseOf>;
  readonly keys: ReturnType<typeof keysOf>;
  readonly addresses: ReturnType<typeof addressesOf>;
  /** Where the database's files are on this host, if Docker does not choose it. */
  readonly folder: string | undefined;
};

/**
 * Finds BitAgent's containers.
 *
 * @throws {@link OffsiteError} `COMPOSE_INVALID`, `PROGRAM_MISSING` or `CONTAINER_UNREACHABLE`.
 */
export async function findStack(options: StackOptions, signal: AbortSignal): Promise<Stack> {
  const { appContainer, postgresContainer } = options;
  if (appContainer === undefined && postgresContainer === undefined) return composeStack(options, signal);
  if (appContainer !== undefined && postgresContainer !== undefined) {
    return containerStack(postgresContainer, appContainer, signal);
  }
  throw new OffsiteError('USAGE', 'these arguments cannot be used', {
    expected: '--postgres-container and --app-container together',
    found: 'one of them',
    hint: "see 'docker ps -a' for their names",
  });
}

async function composeStack(options: StackOptions, signal: AbortSignal): Promise<Stack> {
  const { composeFile } = options;
  if (composeFile !== undefined && !existsSync(composeFile)) throw noFile(composeFile);
  const known = composeFile ?? process.env.COMPOSE_FILE ?? composeFiles.find((name) => existsSync(name));
  // Compose finds one in a folder above, too, and those that an .env names (COMPOSE_FILE).
  const file = known ?? 'the Compose file';
  const compose = await findCompose(signal);
  if (compose === undefined)
    throw new OffsiteError('PROGRAM_MISSING', 'there is no Docker Compose', {
      expected: "'docker compose', or the program docker-compose",
      found: 'neither',
      hint: 'install it (Debian: docker-compose; Docker: docker-compose-plugin), or make the containers by hand and name them: --postgres-container, --app-container',
    });
  const env = options.envFile === undefined ? [] : ['--env-file', options.envFile];
  // Not named, it is left to Compose, which reads what overrides it, too.
  const named = composeFile === undefined ? [] : ['-f', composeFile];
  const command = (...args: string[]) => [...compose, ...named, ...env, ...args];
  const config = await runDocker(command('config'), {
    what: 'read the Compose file',
    signal,
    errorOf: (failure) =>
      known === undefined && /no configuration file|suitable configuration file/i.test(failure.stderr)
        ? noFile()
        : composeError(file, failure),
  });
  const services = parseCompose(config, file);
  const postgres = choosePostgres(services, options.postgresService);
  const app = chooseApp(services, postgres, options.service);
  const partOf = ({ name, container_name }: Service, all: boolean): Part => {
    // Compose takes its time to say where it is.
    let known = container_name;
    return {
      name,
      async look(either) {
        const same = known ? await lookAtContainer(known, either) : undefined;
        if (same?.service === name) return same;
        const what = `look for ${name}`;
        const ids = await runDocker(command('ps', '-a', '-q', name), { what, signal: either });
        [known] = ids.trim().split('\n');
        return known ? lookAtContainer(known, either) : undefined;
      },
      async start(either) {
        const up = command('up', '-d', ...(all ? [] : [name]));
        await startByDocker(up, { what: `start ${name}`, signal: either });
      },
      async stop(either) {
        await runDocker(command('stop', name), { what: `stop ${name}`, signal: either });
      },
    };
  };
  return {
    name: file,
    postgres: partOf(postgres, false),
    app: partOf(app, true),
    database: databaseOf(app, await withSecrets(postgres)),
    keys: keysOf(app),
    addresses: addressesOf(services, app),
    folder: folderOf(postgres),
  };
}

async function withSecrets(service: Service): Promise<Service> {
  const read = secretsOf(service).map(async ([name, file]) => [
    name,
    // As the image reads it; of one that may not be read, the flags say what is in it.
    (await readFile(file, 'utf8').catch(() => '')).replace(/\n+$/, ''),
  ]);
  return {
    ...service,
    environment: { ...service.environment, ...Object.fromEntries(await Promise.all(read)) },
  };
}

async function containerStack(postgres: string, app: string, signal: AbortSignal): Promise<Stack> {
  const partOf = (name: string): Part => ({
    name,
    look: (either) => lookAtContainer(name, either),
    start: async (either) =>
      void (await startByDocker(['docker', 'start', name], { what: `start ${name}`, signal: either })),
    stop: async (either) =>
      void (await runDocker(['docker', 'stop', name], { what: `stop ${name}`, signal: either })),
  });
  const serviceOf = async (name: string): Promise<Service> => {
    const container = await lookAtContainer(name, signal);
    if (container === undefined)
      throw new OffsiteError('CONTAINER_UNREACHABLE', `there is no container ${name}`, {
        expected: 'a container that was made, running or not',
        found: 'none of that name',
        hint: "see 'docker ps -a'; make it first ('docker create …'), or use a Compose file: --compose-file",
      });
    const pairs = container.environment.map((pair) => [
      pair.split('=')[0],
      pair.slice(pair.indexOf('=') + 1),
    ]);
    return { name, environment: Object.fromEntries(pairs) };
  };
  const [one, other] = [await serviceOf(postgres), await serviceOf(app)];
  return {
    name: `the containers ${postgres} and ${app}`,
    postgres: partOf(postgres),
    app: partOf(app),
    database: databaseOf(other, one),
    keys: keysOf(other),
    addresses: { app: undefined, dashboard: undefined },
    folder: undefined,
  };
}

function folderOf({ volumes }: Service): string | undefined {
  return (volumes ?? [])
    .filter(({ target }) => target.startsWith('/var/lib/postgresql') || target.startsWith('/bitnami'))
    .map(({ source }) => source)
    .find((source) => source?.startsWith('/'));
}

function noFile(file = `one of ${composeFiles.join(', ')}, in this folder or one above`): OffsiteError {
  return new OffsiteError('COMPOSE_INVALID', "BitAgent's Compose file is not there", {
    expected: file,
    found: 'no such file',
    hint: 'bring it back from where you keep it, and name it: --compose-file FILE',
  });
}
