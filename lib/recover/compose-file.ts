// What a Compose file says, as Compose itself reads it (`config`: variables filled in, files merged): which of its
// services are the database and BitAgent, and what can be known of them without asking anybody.

import { parse } from 'yaml';
import * as z from 'zod';
import { OffsiteError } from '../base/errors.ts';

/** One service; each part may be missing. */
export type Service = Omit<z.infer<typeof serviceSchema>, 'secrets'> & {
  readonly name: string;
  /** Files of this host, by their names inside. */
  readonly files?: ReadonlyMap<string, string>;
};

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const named = z
  .union([z.record(z.string(), text.nullable()), z.array(z.string()).transform(pairsOf)])
  .transform((pairs) =>
    // Compose writes `$` as a file would have to: `$$`.
    Object.fromEntries(
      Object.entries(pairs).map(([name, value]) => [name, (value ?? '').replaceAll('$$', '$')]),
    ),
  );

/** The second version writes ports and volumes as objects, the first as text. */
const portSchema = z.union([
  z.string().transform(portOf),
  z.object({ target: text, published: text.optional(), host_ip: z.string().optional() }),
]);
const volumeSchema = z.union([
  z.string().transform((volume) => {
    const [source = '', target] = volume.split(':');
    return target === undefined ? { target: source } : { source, target };
  }),
  z.object({ source: z.string().optional(), target: z.string() }),
]);
const secretSchema = z.union([
  z.string().transform((source) => ({ source, target: source })),
  z.object({ source: z.string(), target: z.string().optional() }),
]);

const serviceSchema = z.object({
  image: z.string().optional(),
  container_name: z.string().optional(),
  network_mode: z.string().optional(),
  environment: named.nullish(),
  ports: z.array(portSchema).nullish(),
  volumes: z.array(volumeSchema).nullish(),
  secrets: z.array(secretSchema).nullish(),
});

const composeSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  secrets: z.record(z.string(), z.object({ file: z.string().optional() })).nullish(),
});

/**
 * Reads what `docker compose config` prints.
 *
 * @throws {@link OffsiteError} `COMPOSE_INVALID`; what was printed is not repeated, for it holds passwords.
 */
export function parseCompose(config: string, file: string): Service[] {
  let value: unknown;
  try {
    value = parse(config);
  } catch {
    value = undefined;
  }
  const parsed = composeSchema.safeParse(value);
  const services = Object.entries(parsed.data?.services ?? {}).map(([name, { secrets, ...service }]) => {
    const given = (secrets ?? []).map(({ source, target = source }) => [
      target.startsWith('/') ? target : `/run/secrets/${target}`,
      parsed.data?.secrets?.[source]?.file,
    ]);
    const mounted = (service.volumes ?? []).map(({ source, target }) => [target, source]);
    return { ...service, name, files: new Map([...mounted, ...given] as [string, string][]) };
  });
  if (services.length > 0) return services;
  throw new OffsiteError('COMPOSE_INVALID', `${file} has no services`, {
    expected: "BitAgent's Compose file: a service for Postgres and one for BitAgent",
    found: parsed.success ? 'none' : 'something else',
    hint: 'name the file: --compose-file FILE',
  });
}

/** Images of Postgres, by the last part of their name; an exporter or a back-up of Postgres is none. */
const postgresImages =
  /^(postgres|postgresql|postgis|pgvector|pgvecto-rs|timescaledb|timescaledb-ha|spilo-\d+)$/;
const postgresFolders = ['/var/lib/postgresql', '/bitnami/postgresql'];

/**
 * Finds the service that is the database.
 *
 * @param wanted - Its name, where the operator has said it.
 * @throws {@link OffsiteError} `COMPOSE_INVALID` if there is none, or more than one.
 */
export function choosePostgres(services: readonly Service[], wanted: string | undefined): Service {
  if (wanted !== undefined) return byName(services, wanted, '--postgres-service');
  const found = services.filter(isPostgres);
  const hosts = services.filter(isCalledBitAgent).map(({ environment }) => environment?.POSTGRES_HOST);
  const asked = found.filter(({ name, container_name }) =>
    [name, container_name].some((one) => one !== undefined && hosts.includes(one)),
  );
  return only(
    asked.length === 1 ? asked : found,
    services,
    'Postgres (an image postgres:…)',
    '--postgres-service',
  );
}

/**
 * Finds the service that is BitAgent.
 *
 * @param wanted - Its name, where the operator has said it.
 * @throws {@link OffsiteError} `COMPOSE_INVALID` if there is none, or more than one.
 */
export function chooseApp(
  services: readonly Service[],
  postgres: Service,
  wanted: string | undefined,
): Service {
  const others = services.filter(({ name }) => name !== postgres.name);
  if (wanted !== undefined) return byName(others, wanted, '--service');
  const called = others.filter(isCalledBitAgent);
  const found =
    called.length > 0
      ? called
      : others.filter((one) => portsOf(one).some(({ target }) => target === apiPort));
  return only(found, services, 'BitAgent (bitagent or bitmagnet)', '--service');
}

const apiPort = '3333';
const dashboardPort = '8080';

/** Where this host reaches BitAgent's API and its dashboard. */
export function addressesOf(
  services: readonly Service[],
  app: Service,
): { readonly app: string | undefined; readonly dashboard: string | undefined } {
  // A container in another's network, a VPN's, has its ports there.
  const lender = /^service:(.+)$/.exec(app.network_mode ?? '')?.[1];
  const ports = portsOf(services.find(({ name }) => name === lender) ?? app);
  const isHost = app.network_mode === 'host';
  const addressOf = (target: string) => {
    const port = ports.find((one) => one.target === target && one.published !== undefined);
    if (isHost) return `http://127.0.0.1:${target}`;
    return port && `http://${hostOf(port.host_ip)}:${port.published}`;
  };
  return { app: addressOf(apiPort), dashboard: addressOf(dashboardPort) };
}

function isCalledBitAgent({ name, image, container_name }: Service): boolean {
  return [imageName(image), container_name, name].some((one) => /^(bitagent|bitmagnet)$/.test(one ?? ''));
}

function isPostgres({ name, image, container_name, volumes }: Service): boolean {
  if (image !== undefined && postgresImages.test(imageName(image) ?? '')) return true;
  // One that is built here has no image's name.
  const keepsFiles = (volumes ?? []).some(({ target }) =>
    postgresFolders.some((folder) => target.startsWith(folder)),
  );
  return keepsFiles || (image === undefined && [name, container_name].includes('bitagent-postgres'));
}

/** `ghcr.io/one/bitagent:v3@sha256:…` → `bitagent` */
function imageName(image: string | undefined): string | undefined {
  return image?.split('/').at(-1)?.split(/[:@]/)[0];
}

function portsOf({ ports }: Service) {
  return ports ?? [];
}

function hostOf(address: string | undefined): string {
  if (address === undefined || address === '' || address === '0.0.0.0') return '127.0.0.1';
  if (!address.includes(':')) return address;
  return address === '::' ? '[::1]' : `[${address.replace(/^\[|\]$/g, '')}]`;
}

/** `127.0.0.1:8080:80/tcp` */
function portOf(port: string): { target: string; published?: string; host_ip?: string } {
  const [, address, published, target = ''] =
    /^(?:(?:(.+):)?(\d*):)?(\d+)(?:-\d+)?(?:\/\w+)?$/.exec(port) ?? [];
  return {
    target,
    ...(published && { published }),
    ...(address !== undefined && { host_ip: address }),
  };
}

function pairsOf(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function byName(services: readonly Service[], wanted: string, flag: string): Service {
  const found = services.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  throw notFound(`the service ${wanted}`, `only ${listed(services)}`, flag);
}

function only(found: readonly Service[], all: readonly Service[], what: string, flag: string): Service {
  const [one, ...others] = found;
  if (one !== undefined && others.length === 0) return one;
  throw notFound(
    `one service that is ${what}`,
    one === undefined
      ? `none among ${listed(all)} (one of a profile is there with COMPOSE_PROFILES alone)`
      : `several: ${listed(found)}`,
    flag,
  );
}

function notFound(expected: string, found: string, flag: string): OffsiteError {
  return new OffsiteError('COMPOSE_INVALID', 'the Compose file does not say which service is which', {
    expected,
    found,
    hint: `name it: ${flag} NAME; or another file: --compose-file FILE`,
  });
}

function listed(services: readonly Service[]): string {
  return services.map(({ name, image }) => (image === undefined ? name : `${name} (${image})`)).join(', ');
}
