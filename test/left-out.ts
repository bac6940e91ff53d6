// Brings what `npm ci` left out by the Node that npm runs on, though the tests run on another: an npm on Debian 12's Node 18
// takes the native part of what wants 20 for optional, and says nothing. Exactly what the lock names, by its hash.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Locked = {
  readonly version: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
};

const root = join(import.meta.dirname, '..');
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>;
};
const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
const libc = report.header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';

for (const [path, locked] of Object.entries(packages)) {
  // A Node runs this already.
  if (path.startsWith('node_modules/node-')) continue;
  if (isForThisMachine(locked) && !existsSync(join(root, path, 'package.json'))) bring(path, locked);
}

function isForThisMachine({ optional = false, os, cpu, libc: of = [libc] }: Locked): boolean {
  return (
    optional &&
    (os?.includes(process.platform) ?? false) &&
    (cpu?.includes(process.arch) ?? true) &&
    of.includes(libc)
  );
}

function bring(path: string, { version, integrity }: Locked): void {
  const wanted = `${path.replace(/.*node_modules\//, '')}@${version}`;
  const folder = mkdtempSync(join(tmpdir(), 'offsite-left-out-'));
  try {
    const pack = ['pack', wanted, '--json', '--silent', '--pack-destination', folder];
    const packed = JSON.parse(execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }));
    const [{ filename, integrity: found }] = packed as [{ filename: string; integrity: string }];
    if (found !== integrity) throw new Error(`the registry gives other bytes than package-lock.json names`);
    const place = join(root, path);
    mkdirSync(place, { recursive: true });
    // npm before 9 writes a scope's slash into the name that it tells, and not into the file's.
    const file = join(folder, filename.replace(/^@/, '').replace('/', '-'));
    execFileSync('tar', ['-xzf', file, '-C', place, '--strip-components', '1']);
    process.stderr.write(`npm had left out ${wanted}: brought\n`);
  } catch (error) {
    rmSync(join(root, path), { recursive: true, force: true });
    process.stderr.write(`npm had left out ${wanted}, which the tests need: run 'npm ci' with Node 24\n`);
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
