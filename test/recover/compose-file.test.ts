// What Compose prints of a file, in the spelling of both its versions.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  addressesOf,
  chooseApp,
  choosePostgres,
  parseCompose,
  type Service,
} from '../../lib/recover/compose-file.ts';
import { databaseOf, keysOf, secretsOf } from '../../lib/recover/service-environment.ts';

/** BitAgent's own, as `docker compose config` (2.x) and `docker-compose config` (1.29) print it. */
const newer = `
name: bitagent
services:
  bitagent:
    container_name: bitagent
    build: { context: /srv/bitagent, dockerfile: Dockerfile }
    depends_on: { postgres: { condition: service_healthy, required: true } }
    environment:
      POSTGRES_NAME: bitmagnet
      POSTGRES_PASSWORD: secret
      TORZNAB_API_KEY: k$$$$ey
      DASHBOARD_API_KEY: ""
      TMDB_API_KEY: null
    ports:
      - { mode: ingress, target: 3333, published: "13333", protocol: tcp }
      - { mode: ingress, host_ip: 127.0.0.1, target: 8080, published: "8081", protocol: tcp }
      - { mode: ingress, target: 3334, published: "3334", protocol: udp }
  postgres:
    container_name: bitagent-postgres
    image: postgres:16-alpine
    environment: { POSTGRES_DB: bitmagnet, POSTGRES_USER: bitmagnet, POSTGRES_PASSWORD: secret, PGPORT: 5432 }
    volumes:
      - { type: volume, source: bitagent-postgres, target: /var/lib/postgresql/data, volume: {} }
`;
const older = `
services:
  bitagent:
    image: ghcr.io/spencercnorton/bitagent:3.2@sha256:0a
    environment: [POSTGRES_NAME=bitmagnet, POSTGRES_PASSWORD=sec=ret, TORZNAB_API_KEY=k$$$$ey]
    ports: [{ published: 13333, target: 3333 }, '127.0.0.1:8081:8080/tcp', 3334/udp]
  postgres:
    image: docker.io/library/postgres:16
    environment: {POSTGRES_DB: bitmagnet, POSTGRES_USER: bitmagnet, POSTGRES_PASSWORD: secret}
    volumes: ['bitagent-postgres:/var/lib/postgresql/data:rw']
version: '3.9'
`;

const app: Service = { name: 'bitagent', image: 'bitagent' };
const postgres: Service = { name: 'db', image: 'postgres:16' };

it.each([
  ['newer', newer],
  ['older', older],
])('the %s spelling says which service is which, and all that is known of them', (_, text) => {
  const services = parseCompose(text, 'compose.yml');
  const database = choosePostgres(services, undefined);
  const bitagent = chooseApp(services, database, undefined);
  expect([database.name, bitagent.name]).toEqual(['postgres', 'bitagent']);
  expect(databaseOf(bitagent, database)).toEqual({
    database: 'bitmagnet',
    user: 'bitmagnet',
    password: 'secret',
  });
  expect(keysOf(bitagent)).toEqual({ torznab: 'k$$ey', dashboard: undefined });
  expect(addressesOf(services, bitagent)).toEqual({
    app: 'http://127.0.0.1:13333',
    dashboard: 'http://127.0.0.1:8081',
  });
});

describe('what is the database', () => {
  it.each([
    'postgres',
    'postgres:16-alpine',
    'registry:5000/mirror/postgres@sha256:00',
    'bitnami/postgresql:16',
    'timescale/timescaledb-ha:pg16',
    'pgvector/pgvector:pg16',
  ])('%s', (image) => {
    expect(choosePostgres([app, { name: 'x', image }], undefined).name).toBe('x');
  });

  it.each([
    'prometheuscommunity/postgres-exporter',
    'prodrigestivill/postgres-backup-local:16',
    'dpage/pgadmin4',
  ])('not %s', (image) => {
    expect(choosePostgres([{ name: 'x', image }, postgres], undefined)).toBe(postgres);
  });

  it('one that is built here, by where it keeps its files', () => {
    const built = { name: 'x', volumes: [{ source: '/srv/db', target: '/var/lib/postgresql/data' }] };
    expect(choosePostgres([app, built], undefined)).toBe(built);
  });

  it('is what BitAgent asks for, of several', () => {
    const immich = { name: 'immich-db', image: 'pgvecto-rs:pg16' };
    const asking = (host: string) => [immich, postgres, { ...app, environment: { POSTGRES_HOST: host } }];
    expect(choosePostgres(asking('db'), undefined)).toBe(postgres);
    expect(choosePostgres(asking('immich-db'), undefined)).toBe(immich);
    expect(() => choosePostgres(asking('elsewhere'), undefined)).toThrow();
  });

  it('has its user, name and password in files of this host where the image reads them from such', () => {
    const [service] = parseCompose(
      `services:
  db:
    image: postgres:16
    environment: { POSTGRES_PASSWORD_FILE: /run/secrets/pass, POSTGRES_USER_FILE: /run/secrets/who, POSTGRES_DB_FILE: /etc/name }
    secrets: [pass, { source: user, target: who }]
    volumes: [/var/lib/postgresql/data, '/srv/name:/etc/name:ro']
secrets: { pass: { file: /srv/pass.txt }, user: { file: /srv/user.txt }, kept: { external: true } }
`,
      'compose.yml',
    );
    expect(secretsOf(service as Service)).toEqual([
      ['POSTGRES_USER', '/srv/user.txt'],
      ['POSTGRES_DB', '/srv/name'],
      ['POSTGRES_PASSWORD', '/srv/pass.txt'],
    ]);
    // Docker chooses where an unnamed volume is.
    expect(service?.volumes?.[0]).toEqual({ target: '/var/lib/postgresql/data' });
  });

  it('none, or two, is an error that names them and the flag', () => {
    const two = [app, postgres, { name: 'other', image: 'postgres:12' }];
    for (const services of [[app], two]) {
      expect(() => choosePostgres(services, undefined)).toThrow(
        expect.objectContaining({
          code: 'COMPOSE_INVALID',
          hint: expect.stringContaining('--postgres-service'),
        }),
      );
    }
    expect(() => choosePostgres(two, undefined)).toThrow(
      expect.objectContaining({ found: 'several: db (postgres:16), other (postgres:12)' }),
    );
    expect(choosePostgres(two, 'other').name).toBe('other');
    expect(() => choosePostgres(two, 'nix')).toThrow(expect.objectContaining({ code: 'COMPOSE_INVALID' }));
  });
});

describe('what is BitAgent', () => {
  it.each<[string, Partial<Service>]>([
    ['by its image', { image: 'ghcr.io/bitmagnet-io/bitmagnet:latest' }],
    ['by its container', { image: 'mine', container_name: 'bitagent' }],
    ['by its port', { image: 'mine', ports: [{ target: '3333', published: '3333' }] }],
  ])('%s', (_, parts) => {
    const others = [{ name: 'web', image: 'journey0ad/bitmagnet-next-web' }, postgres];
    expect(chooseApp([...others, { name: 'x', ...parts }], postgres, undefined).name).toBe('x');
  });

  it('is never the database, and one of two is not guessed', () => {
    const invalid = expect.objectContaining({ hint: expect.stringContaining('--service') });
    expect(() => chooseApp([postgres], postgres, undefined)).toThrow(invalid);
    expect(() => chooseApp([postgres], postgres, 'db')).toThrow(invalid);
    const two = [app, { name: 'bitmagnet', image: 'bitmagnet' }, postgres];
    expect(() => chooseApp(two, postgres, undefined)).toThrow(invalid);
  });
});

describe('where it answers', () => {
  it('behind a VPN, at the ports of that', () => {
    const vpn = { name: 'gluetun', ports: [{ target: '3333', published: '3333' }] };
    const behind = { ...app, network_mode: 'service:gluetun' };
    expect(addressesOf([vpn, behind], behind)).toEqual({
      app: 'http://127.0.0.1:3333',
      dashboard: undefined,
    });
  });

  it.each([
    ['0.0.0.0', '127.0.0.1'],
    ['::', '[::1]'],
    ['fd00::1', '[fd00::1]'],
    ['192.168.1.5', '192.168.1.5'],
  ])('at %s: %s', (host_ip, host) => {
    const service = { ...app, ports: [{ target: '3333', published: '3333', host_ip }] };
    expect(addressesOf([service], service).app).toBe(`http://${host}:3333`);
  });
});

describe('what is no Compose file', () => {
  it.each(['', 'hello', '[]', 'null', '{}', 'services: {}', 'services: [a]', 'a: &a [*a]', '{', '\u0000'])(
    '%j is told as that',
    (text) => {
      expect(() => parseCompose(text, 'x.yml')).toThrow(expect.objectContaining({ code: 'COMPOSE_INVALID' }));
    },
  );

  it('never repeats what stands in it, whatever that is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('services', 'x'), (value, name) => {
        try {
          parseCompose(stringify({ [name]: { bitagent: { environment: value, key: 'S3CRET' } } }), 'x.yml');
        } catch (error) {
          expect(error).toMatchObject({ code: 'COMPOSE_INVALID' });
          expect(JSON.stringify(error)).not.toContain('S3CRET');
        }
      }),
      { numRuns: 300 },
    );
  });
});
