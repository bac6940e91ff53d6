// What verify and restore read from a store that is slow a connection: by four at a time. A gate before the store gives no part's
// bytes before four are asked for at once; who comes with fewer waits for ever.

import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStoreToRead } from '../../bin/commands/reading-store.ts';
import { openVault } from '../../lib/restore/restorable.ts';
import type { Settings } from '../../lib/settings/config.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { verify } from '../../lib/verify/verify.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { smallDump } from '../fixtures/archives.ts';
import { stubForEach } from '../fixtures/s3-faults.ts';

const bench = stubForEach();
const dump = Buffer.from(smallDump(2000));
let stop: () => void;
let port: number;

beforeEach(async () => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing' });
  const isOpen = Promise.withResolvers<void>();
  let waiting = 0;
  const gate = createServer((asked, answer) => {
    const { method, url: path, headers } = asked;
    const passed = request(bench.stub.endpoint + path, { method, headers }, async (given) => {
      answer.writeHead(given.statusCode ?? 500, given.headers).flushHeaders();
      if (path?.includes('.sql.gz')) {
        waiting += 1;
        if (waiting === 4) isOpen.resolve();
        await isOpen.promise;
      }
      given.pipe(answer);
    });
    asked.pipe(passed);
  }).listen(0, '127.0.0.1');
  await once(gate, 'listening');
  port = (gate.address() as AddressInfo).port;
  stop = () => {
    gate.close();
    gate.closeAllConnections();
  };
});
afterEach(() => stop());

/** As the commands open it; in parts of a few bytes. */
async function opened(host: string) {
  const settings = {
    bucket: 'vault',
    region: 'eu-central-1',
    provider: 'aws',
    endpoint: `http://${host}:${port}`,
  };
  const { store, connections } = await openStoreToRead(settings as Settings);
  const small: ArchiveStore = {
    ...store,
    open: (key, version, reading) => store.open(key, version, { ...reading, partBytes: 3000 }),
  };
  return { store: small, connections };
}

// Of this machine, as no name says: every other host is one that may be slow.
const elsewhere = '0.0.0.0';

it('verify', async () => {
  const id = await storeArchive(bench.store(), { dump });
  expect(await verify({ ...(await opened(elsewhere)), id, now: () => new Date() })).toMatchObject({
    verdict: 'intact',
    plainBytes: dump.length,
  });
});

it('restore', async () => {
  const { id } = await storeArchive(bench.store(), { dump });
  const { store, connections } = await opened(elsewhere);
  const restorable = await openVault(store, 'bitagent', id, { connections });
  const found = await Array.fromAsync(restorable.dump((body) => body));
  expect(Buffer.concat(found).equals(dump)).toBe(true);
});

it('a store on this machine by one, which is as fast', async () => {
  expect((await opened('127.0.0.1')).connections).toBe(1);
  expect((await opened('localhost')).connections).toBe(1);
});
