// A store of many sources with many nightly archives each, that exists by formula only: it answers ListObjectsV2 page by
// page and GETs of verdicts, as S3 does, and forgets what is written or deleted. Ends with its stdin.
//
//   node test/bench/many-archives.ts SOURCES ARCHIVES

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { archiveIdAt, archiveKeys, parseKey } from '../../lib/archive/names.ts';
import { exampleInventory } from '../fixtures/manifests.ts';

const [sources = 1000, archives = 400] = process.argv.slice(2).map(Number);
/** Each night since; the newest an hour ago. */
const newest = Date.now() - 3_600_000;
const nightMs = 86_400_000;
const pageKeys = 1000;
const counts: Record<string, number> = {};

const etag = 'e'.repeat(32);
const names = Array.from({ length: sources }, (_, index) => `bitagent-${String(index).padStart(4, '0')}`);

type Entry = { readonly key: string; readonly storedAt: Date; readonly bytes: number };

/** The objects under a source's prefix, in key order. */
function* objectsOf(prefix: string): Generator<Entry> {
  const [folder, source = ''] = prefix.split('/');
  if (!names.includes(source)) return;
  for (let night = archives - 1; night >= 0; night -= 1) {
    const storedAt = new Date(newest - night * nightMs);
    const keys = archiveKeys(archiveIdAt(source, storedAt));
    if (folder === 'archives') {
      yield { key: keys.manifest, storedAt, bytes: 20_000 };
      yield { key: keys.archive, storedAt, bytes: 2_000_000_000 };
    }
    if (folder === 'verdicts') yield { key: keys.verdict, storedAt, bytes: 9000 };
  }
}

/** One page. */
function list(query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? '';
  const isFolders = query.get('delimiter') === '/';
  const all = isFolders
    ? names.map((name) => ({ key: `${prefix}${name}/`, storedAt: new Date(newest), bytes: 0 }))
    : objectsOf(prefix);
  const page: Entry[] = [];
  let isTruncated = false;
  for (const entry of all) {
    if (entry.key <= after) continue;
    isTruncated = page.length === pageKeys;
    if (isTruncated) break;
    page.push(entry);
  }
  const items = page.map(({ key, storedAt, bytes }) =>
    isFolders
      ? `<CommonPrefixes><Prefix>${key}</Prefix></CommonPrefixes>`
      : `<Contents><Key>${key}</Key><LastModified>${storedAt.toISOString()}</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>${bytes}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  const next = isTruncated ? `<NextContinuationToken>${page.at(-1)?.key}</NextContinuationToken>` : '';
  return `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${next}${items.join('')}</ListBucketResult>`;
}

function verdictAt(key: string): string | undefined {
  const parsed = parseKey(key);
  if (parsed?.part !== 'verdict') return undefined;
  const { id, source } = parsed.id;
  return JSON.stringify({
    verdict: 'intact',
    format: 1,
    id,
    source,
    versionId: 'v',
    etag,
    verifiedAt: new Date(newest).toISOString(),
    durationMs: 1000,
    toolVersion: '1',
    compressedBytes: 2_000_000_000,
    plainBytes: 9_000_000_000,
    inventory: exampleInventory,
  });
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://store');
  const what = `${request.method}${url.searchParams.has('list-type') ? ' (list)' : ''}`;
  if (url.pathname !== '/counts') counts[what] = (counts[what] ?? 0) + 1;
  const xml = { 'content-type': 'application/xml' };
  if (url.pathname === '/counts') return void response.end(JSON.stringify(counts));
  if (request.method === 'PUT') return void response.setHeader('etag', `"${etag}"`).end();
  if (request.method === 'DELETE') return void response.writeHead(204).end();
  if (url.searchParams.has('list-type')) return void response.writeHead(200, xml).end(list(url.searchParams));
  const verdict = verdictAt(decodeURIComponent(url.pathname).replace('/many/', ''));
  if (verdict !== undefined) return void response.setHeader('etag', `"${etag}"`).end(verdict);
  response.writeHead(404, xml).end('<Error><Code>NoSuchKey</Code></Error>');
}

const server = createServer((request, response) => {
  request.resume();
  answer(request, response);
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.stdin.resume().on('end', () => process.exit(0));
