// Becomes dist/offsite.cjs, which starts the CLI in one file beside it from code that an earlier run of the same command left
// compiled: all that it came to need. Node's own cache has only what runs while a file is loaded, and a start compiles the rest again.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

/** sha256 of the program, put in by build.ts: V8 itself looks at its length alone. */
declare const programHash: string;
const headBytes = programHash.length + 8;

assertNode();
const file = join(__dirname, 'program.cjs');
const folder = process.env.NODE_COMPILE_CACHE;
/** The source is the expression of a function. */
const source = readFileSync(file, 'latin1');

// Compiled by Node itself, as only so an error's stack names the sources.
if (folder === undefined || process.env.DEBUG) {
  const compiler = module as unknown as { _compile(code: string, path: string): void };
  compiler._compile(`module.exports = ${source}`, file);
  run(module.exports);
} else {
  const [command = '', part = ''] = process.argv.slice(2);
  const words = [command, part].filter((word) => /^[a-z]+(-[a-z]+)*$/.test(word));
  // V8 takes code that was compiled with its own flags.
  const flags = process.execArgv.filter((flag) => /^[\w=-]+$/.test(flag));
  const kept = join(folder, ['offsite', ...words, process.version, ...flags].join('-'));
  const cachedData = read(kept);
  const script = new Script(source, { filename: file, cachedData });
  if (cachedData === undefined || script.cachedDataRejected) {
    const { setFlagsFromString } = require('node:v8') as typeof import('node:v8');
    // Else V8 drops the code of what has not run for some time, which at the end of a back-up is all that began it.
    setFlagsFromString('--no-flush-bytecode');
    process.on('exit', (code) => {
      if (code !== 0) return;
      // Code is only taken by a V8 of the same flags.
      setFlagsFromString('--flush-bytecode');
      keep(kept, script.createCachedData());
    });
  }
  run(script.runInThisContext());
}

/** As bin/run says it where there is no Node. This file is written for any, for whoever has an old one is to be told so. */
function assertNode(): void {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  if (major > 22 || (major === 22 && minor >= 2)) return;
  const facts = {
    expected: 'Node 22.2 or newer on the PATH',
    found: `${process.version} on the PATH`,
    hint: 'install Node 24: https://nodejs.org, or for Debian https://github.com/nodesource/distributions',
  };
  const lines = Object.entries(facts).map(([name, text]) => `  ${name.padEnd(10)}${text}\n`);
  process.stderr.write(`offsite: nothing to run this program with [PROGRAM_MISSING]\n${lines.join('')}`);
  // To Postgres, 3 of a restore_command would be the end of its log.
  const [, , command, part] = process.argv;
  process.exit(command === 'wal' && part === 'fetch' ? 255 : 3);
}

function run(program: (...names: unknown[]) => void): void {
  program(module.exports, require, module, file, __dirname);
}

/** @returns Nothing where there is none, one of another program, or a damaged one: V8 would run that, and die of it. */
function read(kept: string): Buffer | undefined {
  try {
    const bytes = readFileSync(kept);
    const code = bytes.subarray(headBytes);
    return bytes.toString('latin1', 0, headBytes) === headOf(code) ? code : undefined;
  } catch {
    return undefined;
  }
}

/** The next run starts sooner; where nothing can be kept, it starts all the same. */
function keep(kept: string, code: Buffer): void {
  try {
    mkdirSync(join(kept, '..'), { recursive: true });
    writeFileSync(`${kept}.${process.pid}`, Buffer.concat([Buffer.from(headOf(code)), code]), {
      mode: 0o600,
    });
    // In one piece: another may be starting.
    renameSync(`${kept}.${process.pid}`, kept);
  } catch {}
}

/** Whose code it is, and its sum. */
function headOf(code: Buffer): string {
  return programHash + crc32(code).toString(16).padStart(8, '0');
}
