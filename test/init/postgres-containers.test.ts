import { describe, expect, it } from 'vitest';
import { postgresAmong } from '../../lib/init/postgres-containers.ts';

/** As `docker container inspect` prints a container; what it has besides is left out. */
function container(name: string, Image: string, Env: string[] | null, project?: string) {
  const Labels = project === undefined ? null : { 'com.docker.compose.project': project };
  return { Id: 'f'.repeat(64), Name: `/${name}`, Config: { Image, Env, Labels } };
}

describe('the containers that a database may be in', () => {
  it('are servers, not their clients, and BitAgent’s first', () => {
    const pg = ['PGDATA=/var/lib/postgresql/data', 'PG_MAJOR=16'];
    const found = postgresAmong([
      container(
        'exporter',
        'quay.io/prometheuscommunity/postgres-exporter',
        ['DATA_SOURCE_NAME=x'],
        'bitagent',
      ),
      container('pooler', 'edoburu/pgbouncer', ['DB_HOST=postgres'], 'bitagent'),
      container('attic', 'postgres@sha256:abc', [...pg, 'POSTGRES_USER=attic'], 'attic'),
      container(
        'x-1',
        'registry.example:5000/own/db:1',
        [...pg, 'POSTGRES_DB=a=b', 'POSTGRES_PASSWORD=S3CRET'],
        'bitmagnet',
      ),
      container('bare', 'postgres:17-alpine', null),
      container('bitagent', 'ghcr.io/bitagent/bitagent:1.2.0', [], 'bitagent'),
    ]);
    expect(found).toEqual([
      {
        name: 'x-1',
        image: 'registry.example:5000/own/db:1',
        project: 'bitmagnet',
        user: 'postgres',
        database: 'a=b',
      },
      { name: 'attic', image: 'postgres@sha256:abc', project: 'attic', user: 'attic', database: 'attic' },
      { name: 'bare', image: 'postgres:17-alpine', user: 'postgres', database: 'postgres' },
    ]);
    expect(JSON.stringify(found)).not.toContain('S3CRET');
  });
});
