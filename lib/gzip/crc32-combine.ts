// The CRC-32 of two stretches of bytes, one after the other, from the sums of each: what many readers saw side by side,
// as one sum of the whole.

const polynomial = 0xedb88320;

/**
 * Joins two sums.
 *
 * @param nextBytes - How many bytes `next` is of; any number that is an integer.
 * @returns What `crc32` gives for the bytes of `one` followed by those of `next`.
 * @remarks A CRC is linear over GF(2): so many zero bytes after the first stretch multiply its sum by x^(8n), modulo the
 *   polynomial, and the second one's sum is added.
 * @see https://github.com/madler/zlib/blob/v1.3.1/crc32.c `crc32_combine`
 */
export function combineCrc32(one: number, next: number, nextBytes: number): number {
  return (multiply(powerOfX(nextBytes), one) ^ next) >>> 0;
}

/** x^(8n) modulo the polynomial, bits reflected: the highest bit is x^0. */
function powerOfX(bytes: number): number {
  let power = 0x80000000;
  // x^8, squared once for each binary digit.
  let square = 0x00800000;
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = multiply(square, power);
    square = multiply(square, square);
  }
  return power;
}

/** a × b modulo the polynomial. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if (a & bit) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ polynomial : shifted >>> 1;
  }
  return product >>> 0;
}
