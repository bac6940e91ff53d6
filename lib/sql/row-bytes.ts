// Counts what a stretch of rows holds, sixteen bytes at a time: nearly all of a dump's bytes pass here, and JavaScript takes as long for
// line ends alone as this for all.

/** Of rows: their line ends, and the bytes that a row has as many of as its columns say. */
export type RowBytes = { lines: number; tabs: number; returns: number };

/** `row-bytes.wat`, by `npx -p wabt wat2wasm lib/sql/row-bytes.wat -o - | base64 -w 100`. */
const program =
  'AGFzbQEAAAABFwRgAXsBf2ADe3t7AGACe38Bf2ABfwF/AwUEAAECAwUDAQACBhADfwFBAAt/AUEAC38BQQALByoFBm1lbW9yeQIA' +
  'BWxpbmVzAwAEdGFicwMBB3JldHVybnMDAgRyZWFkAAMKhgMEIQAgAP19/X8hACAA/RsAIAD9GwFqIAD9GwIgAP0bA2pqCx0AIwAg' +
  'ABAAaiQAIwEgARAAaiQBIwIgAhAAaiQCCwoAIAD9ZCABcWkLuAICA38Ge0EAJABBACQBQQAkAgNA/QwAAAAAAAAAAAAAAAAAAAAA' +
  'IQf9DAAAAAAAAAAAAAAAAAAAAAAhCP0MAAAAAAAAAAAAAAAAAAAAACEJIAFB8B9qIQIgAiAASwRAIAAhAgsDQCAB/QAEACEEIARB' +
  'Cv0P/SMhBSAFIAH9AAQBQdwA/Q/9IyAB/QAEAkEu/Q/9I/1O/U4hBiAG/VMEQCAG/WRoIQMgByAIIAkQASADQQFqIQNBASADdEEB' +
  'ayECIwAgBSACEAJqJAAjASAEQQn9D/0jIAIQAmokASMCIARBDf0P/SMgAhACaiQCIAEgA2oPCyAHIAX9cSEHIAggBEEJ/Q/9I/1x' +
  'IQggCSAEQQ39D/0j/XEhCSABQRBqIQEgASACSQ0ACyAHIAggCRABIAEgAEkNAAtBfws=';

/** A multiple of what is looked at in one step, and less than the program's memory. */
const sliceBytes = 65_536;
/** What may be looked at behind a slice: the rest of a step, and the two bytes after it. */
const behindBytes = 18;

type Exports = {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly lines: { readonly value: number };
  readonly tabs: { readonly value: number };
  readonly returns: { readonly value: number };
  /** @returns -1, or where the first line begins that does so with `\.`: what is behind it was not counted. */
  read(bytes: number): number;
};

/** Of it, Node's types know no more than a name. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

let loaded: { readonly exports: Exports; readonly memory: Uint8Array } | undefined;

function load() {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(program, 'base64')));
  const own = exports as Exports;
  return { exports: own, memory: new Uint8Array(own.memory.buffer) };
}

/**
 * Counts on, up to where a line begins with `\.`; the one under way at `from` counts as begun.
 *
 * @returns Where that is, or the chunk's end.
 */
export function countRowBytes(chunk: Uint8Array, from: number, counts: RowBytes): number {
  loaded ??= load();
  const { exports, memory } = loaded;
  for (let at = from; at < chunk.length; at += sliceBytes) {
    const length = Math.min(sliceBytes, chunk.length - at);
    memory.fill(0, length, length + behindBytes);
    memory.set(chunk.subarray(at, at + length + 2));
    const found = exports.read(length);
    counts.lines += exports.lines.value;
    counts.tabs += exports.tabs.value;
    counts.returns += exports.returns.value;
    if (found >= 0) return at + found;
  }
  return chunk.length;
}
