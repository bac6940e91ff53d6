// Whether text that comes chunk by chunk is UTF-8, as every server looks whether it is. Chunks may be cut anywhere, within
// characters too.

import { isUtf8 } from 'node:buffer';

export class Utf8 {
  /**
   * What came of a character that goes on, latin1.
   *
   * @remarks `null` where that is not known: then what may be the rest of one is skipped, and somebody else has to look at it.
   */
  begun: string | null;

  constructor(begun: string | null = '') {
    this.begun = begun;
  }

  /** @returns Whether all is UTF-8 that is complete by now. */
  push(stretch: Buffer): boolean {
    const { begun } = this;
    const from = Math.min(begun === null ? 3 : missingOf(begun), followingIn(stretch));
    const first = begun === null ? '' : begun + stretch.toString('latin1', 0, from);
    if (from === stretch.length && (begun === null || missingOf(first) > 0)) {
      this.begun = begun === null ? null : first;
      return true;
    }
    const to = stretch.length - begunAtEnd(stretch, from);
    this.begun = stretch.toString('latin1', to);
    return isUtf8(Buffer.from(first, 'latin1')) && isUtf8(stretch.subarray(from, to));
  }
}

/** How many bytes the rest of a character has. */
function missingOf(begun: string): number {
  return begun === '' ? 0 : lengthOf(begun.charCodeAt(0)) - begun.length;
}

/** Bytes at the beginning that go on with a character, if one does. */
export function followingIn(stretch: Buffer): number {
  const end = stretch.findIndex((byte, at) => at === 3 || !isFollowing(byte));
  return end < 0 ? stretch.length : end;
}

/** Bytes of a character that its end cuts. */
function begunAtEnd(stretch: Buffer, from: number): number {
  for (let bytes = 1; bytes <= 3 && stretch.length - bytes >= from; bytes += 1) {
    const byte = stretch[stretch.length - bytes] as number;
    if (!isFollowing(byte)) return lengthOf(byte) > bytes ? bytes : 0;
  }
  return 0;
}

function isFollowing(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Of a character that begins so. */
function lengthOf(lead: number): number {
  if (lead < 0xc0) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
