// How a back-up looks while it runs: on a real terminal of 80 columns (script(1) makes one), and in a log.

import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bin, storeEnvironment } from '../fixtures/agent.ts';
import { smallDump } from '../fixtures/archives.ts';
import { offsite } from '../fixtures/cli.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-progress-'));
const slow = join(folder, 'slow');
let stub: S3Stub;
let env: Record<string, string>;

beforeAll(async () => {
  stub = await startS3Stub();
  env = { ...storeEnvironment(stub), XDG_STATE_HOME: folder };
  const file = join(folder, 'dump.sql');
  writeFileSync(file, smallDump(100_000));
  writeFileSync(
    slow,
    `#!/bin/sh
# Each pause is a second, or until there is a file in the folder that was named.
pause() {
  [ -n "$1" ] || exec sleep 1
  until [ -e "$1/$2" ]; do sleep 0.05; done
}
(pause "$1" 1); head -c 1000000 ${file}; (pause "$1" 2); tail -c +1000001 ${file}; (pause "$1" 3)
`,
  );
  chmodSync(slow, 0o755);
});
afterAll(async () => {
  await stub.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What is shown in a dump's pauses, each of which ends once it is. */
const inPauses = [/first byte/, /977 KiB (dumped|of)/, /1\.\d MiB (dumped|of)/];

/** All that a terminal was told, in 80 columns; `|` stands for the erasing of the line. @param isShown - Whether the dump waits for that. */
async function onTerminal(isShown: boolean, ...flags: string[]): Promise<string> {
  const gates = mkdtempSync(join(folder, 'gates-'));
  const dump = isShown ? `${slow} ${gates}` : slow;
  const line = `stty cols 80 rows 24; exec ${bin} backup ${flags.join(' ')} -- ${dump}`;
  const options = { env: { ...env, SHELL: '/bin/sh' }, extendEnv: false } as const;
  const running = execa('script', ['-qec', line, '/dev/null'], options);
  let shown = '';
  for await (const chunk of running.iterable({ binary: true, preserveNewlines: true })) {
    shown += Buffer.from(chunk).toString();
    const opened = readdirSync(gates).length;
    if (inPauses[opened]?.test(shown)) writeFileSync(join(gates, String(opened + 1)), '');
  }
  await running;
  return shown.replaceAll('\r\x1b[K', '|').replaceAll('\r\n', '\n');
}

it('rewrites one line on a terminal, never a wider one, and takes it away', async () => {
  const unknown = await onTerminal(true);
  expect(unknown.split('|')[1]).toMatch(/^waiting for the first byte of the dump +0:00$/);
  expect(unknown).toMatch(/ 977 KiB dumped +[\d.]+ [KM]iB\/s +0:\d\d\|/);
  const known = await onTerminal(true);
  expect(known).toMatch(
    /\|\[#####\.{5}\] {2}5\d % +977 KiB of ~1\.\d MiB +[\d.]+ \wiB\/s +0:\d\d {2}~0:\d\d left\|/,
  );
  const drawn = known.split('|');
  expect(drawn.length).toBeGreaterThan(4);
  for (const line of drawn.slice(0, -1)) expect(line.length).toBeLessThan(80);
  // The last thing to happen to the line: it is gone, and the closing line stands in its place.
  expect(drawn.at(-1)).toMatch(
    /^bitagent-\S+ {2}1\.\d MiB plain, .*\/s\n {2}same bytes, .* (than|as) bitagent-\S+\n$/,
  );
});

it('shows none with --quiet', async () => {
  expect(await onTerminal(false, '--quiet')).toMatch(/^bitagent-[^|]*\n {2}same bytes[^|]*\n$/);
});

it('shows none in a log before a minute has passed', async () => {
  expect(await offsite(['backup', '--', slow], env)).toMatchObject({ exitCode: 0, stderr: '' });
});
