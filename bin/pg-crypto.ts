// Stands for pg/lib/crypto/utils.js in the bundle. pg asks Web Crypto, for browsers' sake, which takes 15 ms to load, and for
// each hash a way to another thread; this asks node:crypto for the same.

import { createHash, createHmac, pbkdf2Sync, randomBytes as random } from 'node:crypto';

const hashOf = (name: string, bytes: string | Uint8Array) => createHash(name).update(bytes).digest();

export const randomBytes = (length: number) => random(length);

export const md5 = async (bytes: string | Uint8Array) => hashOf('md5', bytes).toString('hex');

export async function postgresMd5PasswordHash(user: string, password: string, salt: Uint8Array) {
  const inner = Buffer.from(await md5(password + user));
  return `md5${await md5(Buffer.concat([inner, salt]))}`;
}

export const sha256 = async (bytes: Uint8Array) => hashOf('sha256', bytes);

/** @param name - As Web Crypto has it: SHA-256. */
export const hashByName = async (name: string, bytes: Uint8Array) => hashOf(name.replace('-', ''), bytes);

export const hmacSha256 = async (key: Uint8Array, text: string) =>
  createHmac('sha256', key).update(text).digest();

/** 2 ms for the 4,096 iterations that are usual. */
export const deriveKey = async (password: string, salt: Uint8Array, iterations: number) =>
  pbkdf2Sync(password, salt, iterations, 32, 'sha256');
