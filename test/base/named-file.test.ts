// Files that are named and cannot be read are the operator's to mend: no store has anything to do with them.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bytesOfFile } from '../../lib/base/named-file.ts';
import { importDump } from '../../lib/import/import.ts';
import { openFile } from '../../lib/restore/dump-file.ts';
import { observe, observeGzip } from '../../lib/verify/observe.ts';

/** A file to all who look, of which the kernel does not give the first byte; also to root. */
const failing = '/proc/self/mem';
const read = async (file: string, signal?: AbortSignal) => {
  for await (const _ of bytesOfFile(file, signal));
};

it.each([
  ['is not there', join(tmpdir(), 'nowhere.sql.gz'), 'ENOENT', 'ls shows what is there'],
  ['is no UTF-8', join(tmpdir(), 'dump-\ufffd.sql.gz'), 'ENOENT', 'rename it'],
  ['is a folder', tmpdir(), 'EISDIR', 'name a file in it'],
  ['fails half-way', failing, 'EIO', 'dmesg'],
])('one that %s', async (_, file, found, hint) => {
  await expect(read(file)).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    exitCode: 2,
    found: expect.stringContaining(found),
    hint: expect.stringContaining(hint),
  });
});

it('whoever reads one says so', async () => {
  const unreadable = { code: 'FILE_UNREADABLE' };
  await expect(observe(() => bytesOfFile(failing), undefined)).rejects.toMatchObject(unreadable);
  await expect(observeGzip(bytesOfFile(failing))).rejects.toMatchObject(unreadable);
  await expect(openFile(failing)).rejects.toMatchObject(unreadable);
  const options = { file: failing, source: 'bitagent', takenAt: new Date(0), dryRun: true };
  // Nothing is asked of a store before the file was read.
  const { signal } = new AbortController();
  const known = { isOfVault: true, ids: new Map(), bySum: new Map(), look: async () => undefined };
  await expect(importDump({ ...options, store: {} as never, known, signal })).rejects.toMatchObject(
    unreadable,
  );
});

it('an interruption is no fault of the file', async () => {
  const reason = new Error('interrupted');
  await expect(read(failing, AbortSignal.abort(reason))).rejects.toBe(reason);
});
