// A store that costs next to nothing, so that a benchmark measures the client: it speaks as much S3 as an upload and a
// download need, over plain TCP with one buffer per connection, and throws bodies away. What goes to bucket `kept` stays
// in memory and can be read back, in ranges too; through buckets `near` and `far` the same objects come as slowly as one
// connection of a real store brings them. ETags are counters and not MD5 sums: no client under test looks into them, and MD5
// costs 1.5 ms per MB of the very processor that is measured.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The bucket whose objects can be read again. */
export const keptBucket = 'kept';
/** The same objects, through buckets that limit each connection to so many bytes a second: in one's own region, and overseas. */
export const limitedBuckets: Readonly<Record<string, number>> = { near: 25e6, far: 5e6 };

type Request = {
  readonly method: string;
  readonly path: string;
  /** Without: as fast as it can. */
  readonly bytesPerSecond: number | undefined;
  readonly query: URLSearchParams;
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyBytes: number;
};

const headersBytesMax = 65_536;
const headersEnd = Buffer.from('\r\n\r\n');

/** 5 ms of a near connection. */
const sliceBytes = 131_072;
const bucketMs = 20;
/** When a connection may take the next slice. */
const dueOf = new WeakMap<Socket, number>();
const objects = new Map<string, Buffer>();
const uploads = new Map<string, Map<number, Buffer>>();
let counter = 0;
let receivedBytes = 0;

function answer(
  socket: Socket,
  status: string,
  headers: Record<string, string>,
  body: string | Buffer = '',
): void {
  const bytes = Buffer.from(body);
  const lines = Object.entries({ ...headers, 'content-length': String(bytes.length) });
  socket.write(`HTTP/1.1 ${status}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  if (bytes.length > 0) socket.write(bytes);
}

function nextTag(): string {
  counter += 1;
  return `"${counter.toString(16).padStart(32, '0')}"`;
}

function respond(socket: Socket, request: Request, body: Buffer | undefined): void {
  const { method, path, query } = request;
  const xml = { 'content-type': 'application/xml' };
  const checksums = Object.fromEntries(
    [...request.headers].filter(([name]) => /^x-amz-checksum-/.test(name)),
  );
  const uploadId = query.get('uploadId');
  if (method === 'GET' && path === '/received')
    return void answer(socket, '200 OK', {}, String(receivedBytes));
  if (method === 'GET' && path === '/cpu') {
    const { user, system } = process.cpuUsage();
    return void answer(socket, '200 OK', {}, String((user + system) / 1e6));
  }
  if (method === 'POST' && query.has('uploads')) {
    const id = `upload-${nextTag().slice(-9, -1)}`;
    uploads.set(id, new Map());
    const text = `<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`;
    return void answer(socket, '200 OK', xml, text);
  }
  if (method === 'PUT' && uploadId !== null) {
    if (body !== undefined) uploads.get(uploadId)?.set(Number(query.get('partNumber')), body);
    return void answer(socket, '200 OK', { ...checksums, etag: nextTag() });
  }
  if (method === 'POST' && uploadId !== null) {
    const parts = [...(uploads.get(uploadId) ?? [])].sort(([one], [other]) => one - other);
    uploads.delete(uploadId);
    if (isKept(path)) objects.set(path, Buffer.concat(parts.map(([, part]) => part)));
    const text = `<CompleteMultipartUploadResult><ETag>${nextTag()}</ETag></CompleteMultipartUploadResult>`;
    return void answer(socket, '200 OK', xml, text);
  }
  if (method === 'PUT') {
    if (body !== undefined) objects.set(path, body);
    return void answer(socket, '200 OK', { ...checksums, etag: nextTag() });
  }
  if (method === 'DELETE') {
    objects.delete(path);
    return void answer(socket, '204 No Content', {});
  }
  if (method === 'GET' && query.has('list-type'))
    return void list(socket, path, query.get('prefix') ?? '', query.get('start-after') ?? '');
  const object = objects.get(path);
  if (object === undefined)
    return void answer(socket, '404 Not Found', xml, '<Error><Code>NoSuchKey</Code></Error>');
  void give(socket, request, object);
}

async function give(
  socket: Socket,
  { method, headers, bytesPerSecond }: Request,
  object: Buffer,
): Promise<void> {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.get('range') ?? '') ?? [];
  const bytes = object.subarray(Number(from ?? 0), to ? Number(to) + 1 : undefined);
  const lines = {
    etag: '"1"',
    'last-modified': 'Sun, 22 Nov 2026 03:15:00 GMT',
    'accept-ranges': 'bytes',
    'content-length': String(bytes.length),
    ...(from === undefined
      ? {}
      : { 'content-range': `bytes ${from}-${Number(from) + bytes.length - 1}/${object.length}` }),
  };
  const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${from === undefined ? '200 OK' : '206 Partial Content'}\r\n${text.join('')}\r\n`);
  if (method === 'HEAD') return;
  if (bytesPerSecond !== undefined) await writePaced(socket, bytes, bytesPerSecond);
  else socket.write(bytes);
}

/** A token bucket a connection, which holds as much as timers are late by. */
async function writePaced(socket: Socket, bytes: Buffer, bytesPerSecond: number): Promise<void> {
  let due = Math.max(performance.now(), dueOf.get(socket) ?? 0);
  for (let at = 0; at < bytes.length && !socket.destroyed; at += sliceBytes) {
    const slice = bytes.subarray(at, at + sliceBytes);
    await sleep(Math.max(0, due - performance.now()));
    due += (slice.length / bytesPerSecond) * 1000;
    if (!socket.write(slice)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    // What it could not take in time is not made up for.
    due = Math.max(due, performance.now() - bucketMs);
  }
  dueOf.set(socket, due);
}

function list(socket: Socket, bucketPath: string, prefix: string, after: string): void {
  const bucket = bucketPath.replace(/\/$/, '');
  const contents = [...objects]
    .map(([path, bytes]) => [path.slice(bucket.length + 1), bytes] as const)
    .filter(([key]) => key.startsWith(prefix) && key > after)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(
      ([key, bytes]) =>
        `<Contents><Key>${key}</Key><Size>${bytes.length}</Size><ETag>"1"</ETag><LastModified>2026-11-22T03:15:00Z</LastModified></Contents>`,
    );
  const text = `<ListBucketResult><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`;
  answer(socket, '200 OK', { 'content-type': 'application/xml' }, text);
}

function isKept(path: string): boolean {
  return path.startsWith(`/${keptBucket}/`);
}

/** One connection: headers, then exactly as many bytes of a body as they promise, and again. */
class Connection {
  readonly #socket: Socket;
  #headers: Buffer = Buffer.alloc(0);
  #request: Request | undefined;
  #body: Buffer[] | undefined;
  #missingBytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  push(received: Buffer): void {
    let rest = received;
    while (rest.length > 0)
      rest = this.#request === undefined ? this.#readHeaders(rest) : this.#readBody(rest);
  }

  #readHeaders(bytes: Buffer): Buffer {
    const joined = Buffer.concat([this.#headers, bytes]);
    const end = joined.indexOf(headersEnd);
    if (end < 0) {
      if (joined.length > headersBytesMax) this.#socket.destroy();
      this.#headers = joined;
      return Buffer.alloc(0);
    }
    this.#headers = Buffer.alloc(0);
    const request = parseHeaders(joined.toString('latin1', 0, end));
    this.#request = request;
    this.#missingBytes = request.bodyBytes;
    this.#body = isKept(request.path) || isSmall(request) ? [] : undefined;
    if (/chunked/.test(request.headers.get('transfer-encoding') ?? '')) {
      answer(this.#socket, '501 Not Implemented', { connection: 'close' });
      this.#socket.end();
    } else if (request.headers.has('expect')) {
      this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    }
    if (this.#missingBytes === 0) this.#finish();
    return joined.subarray(end + headersEnd.length);
  }

  #readBody(bytes: Buffer): Buffer {
    const taken = Math.min(bytes.length, this.#missingBytes);
    // The buffer belongs to the connection and is written over.
    this.#body?.push(Buffer.from(bytes.subarray(0, taken)));
    this.#missingBytes -= taken;
    receivedBytes += taken;
    if (this.#missingBytes === 0) this.#finish();
    return bytes.subarray(taken);
  }

  #finish(): void {
    const request = this.#request as Request;
    const body = this.#body && Buffer.concat(this.#body);
    this.#request = undefined;
    this.#body = undefined;
    respond(this.#socket, request, body);
  }
}

/** Manifests are read back whatever the bucket: they cost nothing. */
function isSmall({ method, query }: Request): boolean {
  return method === 'PUT' && !query.has('uploadId');
}

function parseHeaders(text: string): Request {
  const [first = '', ...lines] = text.split('\r\n');
  const [method = '', target = ''] = first.split(' ');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const url = new URL(target, 'http://sink');
  const bodyBytes = Number(headers.get('content-length') ?? 0);
  const asked = decodeURIComponent(url.pathname);
  const [, bucket = ''] = asked.split('/');
  const bytesPerSecond = limitedBuckets[bucket];
  const path = bytesPerSecond === undefined ? asked : asked.replace(bucket, keptBucket);
  return { method, path, bytesPerSecond, query: url.searchParams, headers, bodyBytes };
}

function startSink(): void {
  const server = createServer({ pauseOnConnect: true }, (socket) => accept(socket));
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`http://127.0.0.1:${(server.address() as { port: number }).port}\n`);
  });
  // Ends with whoever started it.
  process.stdin.resume().on('end', () => process.exit(0));
}

function accept(socket: Socket): void {
  const connection = new Connection(socket);
  socket.setNoDelay(true);
  socket.on('data', (bytes: Buffer) => connection.push(bytes));
  socket.on('error', () => socket.destroy());
  socket.resume();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) startSink();
