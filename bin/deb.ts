// The CLI as a package of Debian. It wants a nodejs from 22.2 on, which Debian itself has not had so far: NodeSource's
// packages are such.

import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { optionsOf, script } from '../lib/base/script.ts';
import { facts, stageCli, write } from './stage-cli.ts';

optionsOf(script('npm run deb', "Makes dist/offsite_<version>_all.deb, by Debian's own dpkg-deb."));

const { name, version, description, node } = facts;
const own = `usr/lib/${name}`;
const stage = stageCli('deb', {
  own,
  manual: 'usr/share/man/man1/offsite.1',
  bash: 'usr/share/bash-completion/completions/offsite',
  zsh: 'usr/share/zsh/vendor-completions/_offsite',
  fish: 'usr/share/fish/vendor_completions.d/offsite.fish',
});
mkdirSync(join(stage, 'usr/bin'));
mkdirSync(join(stage, 'usr/share/doc', name), { recursive: true });
renameSync(join(stage, own, 'licences.txt'), join(stage, 'usr/share/doc', name, 'copyright'));
symlinkSync(`../lib/${name}/bin/offsite`, join(stage, 'usr/bin/offsite'));

/** The units are of 'offsite install', which knows what they need. */
const beforeRemoval = `#!/bin/sh
set -e
[ "$1" = remove ] || exit 0
for file in /etc/systemd/system/offsite*.timer /etc/cron.daily/bitagent-backup*; do
  [ -e "$file" ] || continue
  echo "offsite: no archive is taken any more at night, though $file says so: install offsite again, and 'offsite uninstall' takes back all that it made; or remove it" >&2
done
`;
const control = `Package: ${name}
Version: ${version}
Architecture: all
Maintainer: bitagent-offsite <bitagent-offsite@localhost>
Section: database
Priority: optional
Depends: nodejs (>= ${node})
Recommends: isal, postgresql-client
Suggests: docker.io
Description: ${description.replace(/\.$/, '')}
`;
write(join(stage, 'DEBIAN/control'), control);
write(join(stage, 'DEBIAN/prerm'), beforeRemoval, 0o755);
const file = join('dist', `${name}_${version}_all.deb`);
execFileSync('dpkg-deb', ['--root-owner-group', '--build', stage, join(import.meta.dirname, '..', file)]);
// Without ./ apt takes it for a package of a release.
console.log(`./${file}`);
