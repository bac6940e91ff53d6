// The kit's words and page. That its commands bring a database back is shown by test/restore-by-hand.test.ts.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kitPage, kitText } from '../../lib/kit/page.ts';
import { guardedRestore, type Kit, recipeOf } from '../../lib/kit/recipe.ts';
import { findPostgresPrograms, query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { deliverReport } from '../../lib/restore-test/deliver.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { storeEnvironment } from '../fixtures/agent.ts';
import { browserThere, startBrowser } from '../fixtures/browser.ts';
import { offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { overflowing } from '../fixtures/page-measures.mjs';
import { settled } from '../fixtures/reports.ts';
import { startS3Stub } from '../fixtures/s3-stub.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-kit-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const kit: Kit = {
  bucket: 'offsite-vault-1a2b3c',
  region: 'eu-central-1',
  source: 'bitagent',
  container: { name: 'bitagent-postgres', user: 'bitmagnet' },
  database: {
    name: 'bitmagnet',
    encoding: 'UTF8',
    localeProvider: 'libc',
    collate: 'en_US.utf8',
    ctype: 'en_US.utf8',
    owner: 'bitmagnet',
    settings: [],
    logins: ['bitmagnet'],
  },
  roles: ['bitmagnet', 'reader'],
  major: 16,
  newest: { id: 'bitagent-2026-11-23-031500Z', torrents: 9_876_543 },
  writtenAt: new Date('2026-11-23T05:00:00Z'),
};

describe('the recipe', () => {
  it.each([
    ['format.md', 'FILE', 'psql -X -v ON_ERROR_STOP=1 -d bitmagnet_new'],
    [
      'recover.md',
      'ID.sql.gz',
      'docker exec -i bitagent-postgres psql -X -q -v ON_ERROR_STOP=1 -U bitmagnet -d back',
    ],
  ])('is that of docs/%s', (page, file, psql) => {
    const text = readFileSync(join(import.meta.dirname, '../../docs', page), 'utf8');
    expect(text).toContain(guardedRestore(file, psql).replaceAll(/^/gm, '    '));
  });

  it('reaches a container by docker exec, and without a terminal', () => {
    const { commands = '' } = recipeOf(kit).find(({ title }) => title.startsWith('How Postgres')) ?? {};
    expect(commands.split('\n')[0]).toBe(
      'pg() { docker exec -i -e PGUSER=bitmagnet bitagent-postgres "$@"; }',
    );
    expect(kitText({ ...kit, container: undefined })).toContain(
      '\n    pg() { "$@"; }\n    # pg() { docker exec',
    );
  });

  describe('with names that sh and SQL would read otherwise', () => {
    let postgres: ThrowawayPostgres;
    beforeAll(async () => {
      postgres = await startThrowawayPostgres();
    });
    afterAll(() => postgres?.stop());

    it('makes just those', async () => {
      const name = `it's "mine"; $(touch pwned) \\ \`x\` größe, und noch viel mehr`;
      const { database } = kit;
      const hostile: Kit = {
        ...kit,
        container: undefined,
        roles: [`o'neil "x" $HOME`],
        database: database && {
          ...database,
          name,
          owner: `o'neil "x" $HOME`,
          collate: 'C',
          ctype: 'C',
          logins: [],
        },
      };
      const steps = recipeOf(hostile).filter(({ title }) =>
        /^(How Postgres|Its roles|In its place)/.test(title),
      );
      const env = {
        ...postgres.connection.env,
        PATH: `${findPostgresPrograms()}${delimiter}${process.env.PATH}`,
      };
      await execa('sh', ['-e'], { input: steps.map(({ commands }) => commands).join('\n'), env, cwd: home });
      const sql =
        'SELECT datname, pg_get_userbyid(datdba), rolcanlogin FROM pg_database JOIN pg_roles r ON r.oid = datdba';
      expect(await query(postgres.connection, sql)).toContainEqual([name, `o'neil "x" $HOME`, 'f']);
      expect(readdirSync(home)).not.toContain('pwned');
    });
  });
});

describe('where it is kept', () => {
  it('as text and page, in a folder, where it replaces nothing unasked; without an archive too', async () => {
    const stub = await startS3Stub();
    try {
      const env = storeEnvironment(stub);
      const written = await offsite(['kit', '-o', home], env);
      expect(written).toMatchObject({ exitCode: 0 });
      expect(readdirSync(home)).toEqual(['offsite-kit-bitagent.html', 'offsite-kit-bitagent.txt']);
      const text = readFileSync(join(home, 'offsite-kit-bitagent.txt'), 'utf8');
      expect(text).toContain(`export AWS_ENDPOINT_URL=${stub.endpoint}`);
      expect(text).toContain('encoding and owner are a guess');
      expect((await offsiteHere(['kit', '-o', home], env)).stderr).toContain('[FILE_EXISTS]');
    } finally {
      await stub.stop();
    }
  });

  it('beside each report of a restore test in the vault', async () => {
    const stub = await startS3Stub();
    try {
      const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
      const store = createS3Store({
        bucket: 'vault',
        endpoint: stub.endpoint,
        region: 'eu-west-1',
        credentials,
      });
      await deliverReport(settled.report, {
        store,
        sendMail: async () => undefined,
        bucket: 'vault',
        region: 'eu-west-1',
      });
      const kept = [...stub.bucket.objects.keys()].filter((key) => /\.kit\.(html|txt)$/.test(key));
      expect(kept).toHaveLength(2);
      expect(
        String(stub.bucket.objects.get(kept.find((key) => key.endsWith('.txt')) ?? '')?.bytes),
      ).toContain('BUCKET=vault SOURCE=bitagent\n    export AWS_DEFAULT_REGION=eu-west-1\n');
    } finally {
      await stub.stop();
    }
  });
});

describe.skipIf(!browserThere())('the page', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  it.each([
    [390, 'light'],
    [1280, 'dark'],
  ] as const)('at %s px, %s, fits, and asks for nothing', async (width, colorScheme) => {
    const file = join(home, 'page.html');
    writeFileSync(file, kitPage(kit));
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const requests: string[] = [];
    const complaints: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    page.on('console', (message) => complaints.push(message.text()));
    await page.goto(pathToFileURL(file).href);
    expect(await page.evaluate(overflowing)).toEqual([]);
    expect(requests).toEqual([pathToFileURL(file).href]);
    expect(complaints).toEqual([]);
    if (process.env.SUITE_SCREENSHOTS !== undefined)
      await page.screenshot({
        path: join(process.env.SUITE_SCREENSHOTS, `kit-${width}-${colorScheme}.png`),
        fullPage: true,
      });
    await page.close();
  });
});
