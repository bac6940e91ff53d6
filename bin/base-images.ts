// Writes today's digests of the images that the restore test's image is built on (lib/stack/programs/base-images.ts).
// `npm run base-images -- --registry URL`: by default Docker's own. Look at the diff, deploy, and let a restore test run.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { optionsOf, script } from '../lib/base/script.ts';
import { digests } from '../lib/stack/programs/base-images.ts';

const file = join(import.meta.dirname, '..', 'lib', 'stack', 'programs', 'base-images.ts');
const index =
  'application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json';

if (import.meta.main) {
  const before = readFileSync(file, 'utf8');
  const command = script(
    'npm run base-images',
    'Puts the newest digests of the base images in the place of those before.',
  ).option('--registry <url>', 'in place of Docker Hub');
  const { registry } = optionsOf<{ registry?: string }>(command);
  const after = await renewDigests(before, registry);
  writeFileSync(file, after);
  console.log(after === before ? 'All are as they were.' : 'Renewed: look at git diff, deploy, and test.');
}

/**
 * Puts the newest digests in the place of those before.
 *
 * @param source - Of base-images.ts.
 * @throws If the registry does not name one; nothing is to be written then.
 */
export async function renewDigests(
  source: string,
  registry = 'https://registry-1.docker.io',
): Promise<string> {
  let renewed = source;
  for (const [image, before] of Object.entries(digests)) {
    renewed = renewed.replace(before, await digestOf(registry, image));
  }
  return renewed;
}

/** @see https://distribution.github.io/distribution/spec/auth/token/ */
async function digestOf(registry: string, image: string): Promise<string> {
  const [name, tag] = image.split(':');
  const url = `${registry}/v2/library/${name}/manifests/${tag}`;
  const ask = (headers: Record<string, string>) =>
    fetch(url, { method: 'HEAD', headers: { accept: index, ...headers } });
  let answer = await ask({});
  const { realm, ...query } = challengeOf(answer.headers.get('www-authenticate') ?? '');
  if (answer.status === 401 && realm !== undefined) {
    const given = await fetch(`${realm}?${new URLSearchParams(query)}`);
    const { token } = (await given.json()) as { token: string };
    answer = await ask({ authorization: `Bearer ${token}` });
  }
  const digest = answer.headers.get('docker-content-digest') ?? '';
  if (answer.ok && /^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
  throw new Error(`${url} names no digest: HTTP ${answer.status}`);
}

/** `Bearer realm="https://…",service="…",scope="…"` */
function challengeOf(header: string): Record<string, string> {
  return Object.fromEntries([...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
}
