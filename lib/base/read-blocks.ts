// The buffers that a dump is read into, used again. A gigabyte in fresh buffers costs the garbage collector more
// processor time than compressing it costs igzip.

/** Room for some hundred of pg_dump's writes, which are of 4 KiB. */
export const readBlockBytes = 262_144;

/** As many as two members and what is being read need. */
const keptBlocks = 32;
const free: Buffer[] = [];
const lent = new WeakSet<ArrayBufferLike>();

/** A block to read into. One that is never given back is collected like any other buffer. */
export function takeBlock(): Buffer {
  const block = free.pop() ?? Buffer.allocUnsafeSlow(readBlockBytes);
  lent.add(block.buffer);
  return block;
}

/**
 * Gives a chunk back, by whoever is the last to use it: its bytes change then. Chunks of any other origin are let be.
 *
 * @returns Whether it was one of ours.
 */
export function giveBack(chunk: Uint8Array): boolean {
  if (!lent.delete(chunk.buffer)) return false;
  if (free.length < keptBlocks) free.push(Buffer.from(chunk.buffer, 0, readBlockBytes));
  return true;
}

/**
 * Frees a large buffer at once, by whoever is the only one to have it: it is empty then. The garbage collector lets
 * some of them pile up first: a verify takes 12 % more processor time and 18 MiB more (docs/performance.md).
 */
export function freeNow(chunk: Uint8Array): void {
  const { buffer, byteOffset } = chunk;
  // What is small may lie in the pool that Node shares out.
  if (byteOffset === 0 && buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) {
    buffer.transfer(0);
  }
}
