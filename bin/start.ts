// Becomes dist/offsite.cjs, which starts the CLI in one file beside it from code that an earlier run of the same command left
// compiled: all that it came to need. Node's own cache has only what runs while a file is loaded, and a start compiles the rest again.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

/** sha256 of the program, put in by build.ts: V8 itself looks at its length alone. */
declare const programHash: string;
const sumBytes = programHash.length + 8;
/** After the sum: of which flags the runs were, in so many bytes, for V8 copies code that does not begin at a multiple of eight. */
const runsBytes = 440;

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
  const { cachedData, runs = [] } = read(kept) ?? {};
  const script = new Script(source, { filename: file, cachedData });
  if (script.cachedDataRejected) runs.length = 0;
  // A run with other flags has need of other code, which is kept besides: --help is not all that a command does.
  const flagsGiven = process.argv.filter((word) => /^--?[a-z-]+$/.test(word)).sort();
  runs.push(flagsGiven.join(' ') || 'none');
  const isNew = runs.indexOf(runs.at(-1) as string) === runs.length - 1;
  if (isNew && runs.join('\n').length <= runsBytes) {
    const { setFlagsFromString } = require('node:v8') as typeof import('node:v8');
    // Else V8 drops the code of what has not run for some time, which at the end of a back-up is all that began it.
    setFlagsFromString('--no-flush-bytecode');
    process.on('exit', (code) => {
      if (code !== 0) return;
      // Code is only taken by a V8 of the same flags.
      setFlagsFromString('--flush-bytecode');
      keep(kept, runs, script.createCachedData());
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

type Kept = { readonly cachedData: Buffer; readonly runs: string[] };

/** @returns Nothing where there is none, one of another program, or a damaged one: V8 would run that, and die of it. */
function read(kept: string): Kept | undefined {
  try {
    const bytes = readFileSync(kept);
    const rest = bytes.subarray(sumBytes);
    if (bytes.toString('latin1', 0, sumBytes) !== headOf(rest)) return undefined;
    const runs = rest.toString('latin1', 0, runsBytes).trimEnd().split('\n');
    return { cachedData: rest.subarray(runsBytes), runs };
  } catch {
    return undefined;
  }
}

/** The next run starts sooner; where nothing can be kept, it starts all the same. */
function keep(kept: string, runs: readonly string[], code: Buffer): void {
  try {
    mkdirSync(join(kept, '..'), { recursive: true });
    const rest = Buffer.concat([Buffer.from(runs.join('\n').padEnd(runsBytes)), code]);
    writeFileSync(`${kept}.${process.pid}`, Buffer.concat([Buffer.from(headOf(rest)), rest]), {
      mode: 0o600,
    });
    // In one piece: another may be starting.
    renameSync(`${kept}.${process.pid}`, kept);
  } catch {}
}

/** Whose it is, and its sum. */
function headOf(rest: Buffer): string {
  return programHash + crc32(rest).toString(16).padStart(8, '0');
}
