// The CLI alone, for the host: `npm install -g` the file, with any Node from 22.2 on; nothing else is downloaded.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { optionsOf, script } from '../lib/base/script.ts';
import own from '../package.json' with { type: 'json' };
import { facts, stageCli, write } from './stage-cli.ts';

optionsOf(
  script(
    'npm run pack-cli',
    'Makes dist/offsite-<version>.tgz: the CLI alone, which npm installs on a host.',
  ),
);

const { name, version, description, node } = facts;
const share = { bash: 'share/offsite.bash', zsh: 'share/_offsite', fish: 'share/offsite.fish' };
const stage = stageCli('cli', { own: '.', manual: 'share/offsite.1', ...share });
const manifest = {
  name,
  version,
  description,
  license: own.license,
  // Nobody puts it into a registry by a slip.
  private: true,
  bin: { offsite: 'bin/offsite' },
  man: './share/offsite.1',
  engines: { node: `>=${node}` },
};
write(join(stage, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', '..'], { cwd: stage });
// Without ./ npm takes a path of two names for a repository of GitHub.
console.log(`./${join('dist', packed.toString().trim())}`);
