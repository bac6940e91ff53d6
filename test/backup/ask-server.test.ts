// What a plain dump does not say of its database stands in the manifest: asked of a real server, in its own encoding.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseManifest } from '../../lib/archive/manifest.ts';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { readSourceDatabase } from '../../lib/backup/ask-server.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { committed, storeEnvironment } from '../fixtures/agent.ts';
import { offsite } from '../fixtures/cli.ts';
import { startS3Stub } from '../fixtures/s3-stub.ts';

let postgres: ThrowawayPostgres;
beforeAll(async () => {
  postgres = await startThrowawayPostgres();
  await query(
    postgres.connection,
    `CREATE ROLE keeper; CREATE ROLE guest;
     CREATE DATABASE odd OWNER keeper ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`,
  );
  await query(
    postgres.connection,
    `COMMENT ON DATABASE odd IS E'it''s\\nof "two" lines, größer';
     ALTER DATABASE odd SET search_path = a, "b c"; ALTER ROLE keeper IN DATABASE odd SET work_mem = '5MB';
     REVOKE ALL ON DATABASE odd FROM PUBLIC; GRANT CONNECT ON DATABASE odd TO guest WITH GRANT OPTION;
     ALTER DATABASE odd SET statement_timeout = '1min'`,
    { database: 'odd' },
  );
});
afterAll(() => postgres?.stop());

const odd = {
  name: 'odd',
  encoding: 'LATIN1',
  localeProvider: 'libc',
  collate: 'C',
  ctype: 'C',
  owner: 'keeper',
  comment: 'it\'s\nof "two" lines, größer',
  settings: [
    { name: 'search_path', value: 'a, "b c"' },
    { name: 'statement_timeout', value: '1min' },
    { role: 'keeper', name: 'work_mem', value: '5MB' },
  ],
};

describe('a database', () => {
  it('is told with its manifest, which older ones go without', async () => {
    const stub = await startS3Stub();
    try {
      const env = { ...storeEnvironment(stub), ...postgres.connection.env, PGDATABASE: 'odd' };
      const { exitCode, stderr } = await offsite(['backup'], env);
      expect(exitCode, stderr).toBe(0);
      const [manifest] = committed(stub);
      expect(manifest?.database).toMatchObject(odd);
      expect(manifest?.database?.grants).toContainEqual({
        grantee: 'guest',
        privilege: 'CONNECT',
        grantable: true,
      });
      expect(manifest?.database?.grants?.filter(({ grantee }) => grantee === undefined)).toEqual([]);
      if (manifest === undefined) throw new Error('unreachable');
      const { database: _, ...older } = manifest;
      expect(parseManifest(jsonText(older), parseArchiveId(older.id))).toEqual(older);
    } finally {
      await stub.stop();
    }
  });

  it('of which nothing was changed has no grants of its own', async () => {
    const { env } = postgres.connection;
    const url = `postgres://${env.PGUSER}:${encodeURIComponent(env.PGPASSWORD ?? '')}@${encodeURIComponent(env.PGHOST ?? '')}:${env.PGPORT}/postgres`;
    const found = await readSourceDatabase({ via: 'server', url });
    expect(found).toMatchObject({ name: 'postgres', encoding: 'UTF8', settings: [] });
    expect(found).not.toHaveProperty('grants');
  });

  it('is not known of a command, nor where nobody answers', async () => {
    expect(await readSourceDatabase({ via: 'command', command: ['true'] })).toBeUndefined();
    expect(await readSourceDatabase({ via: 'server', url: 'postgres://127.0.0.1:1/none' })).toBeUndefined();
  });
});
