// What the restore test's image is built on, each by what it is, and not by a name that other bytes are given every week.
// `npm run base-images` writes the digests of today (docs/development.md).

const node = 'node:24-bookworm-slim';

/** Of the index, which names the image of each architecture. */
export const digests: Readonly<Record<string, string>> = {
  [node]: 'sha256:ba849c60be29959425b8734d57b8b4b7d56f98edd9504c9af091d5281095a71e',
  'postgres:13-bookworm': 'sha256:f0cffcc050a9f1f3c78a9968e221badc1cdd02e2ae15b1de9b12bee1ba5ea2db',
  'postgres:14-bookworm': 'sha256:dcc2ca942d8518144f387a0c2630188427835f984caaed0418b986928e761809',
  'postgres:15-bookworm': 'sha256:539ceaaae49b3a7c8a04467cf00cc6788d8e3f1675df41860d86eebc4c40524f',
  'postgres:16-bookworm': 'sha256:efedf3595f1d6f415c08568ba171029bf54052e754cc9f030e3f2412b21f3d67',
  'postgres:17-bookworm': 'sha256:639ab7ceb90e13123085b741fb31ef493fba25463002f6da665352e7b534b652',
  'postgres:18-bookworm': 'sha256:1961f96e6029a02c3812d7cb329a3b03a3ac2bb067058dec17b0f5596aca9296',
};

/**
 * The arguments of the image's build.
 *
 * @param mirror - A registry that has the official images, with a slash at its end; Docker's own, if it is not given.
 */
export function buildArgs(postgresMajor: number, mirror = ''): Record<string, string> {
  const pinned = (image: string) => `${mirror}${image}@${digests[image]}`;
  return {
    POSTGRES_MAJOR: String(postgresMajor),
    NODE_IMAGE: pinned(node),
    POSTGRES_IMAGE: pinned(`postgres:${postgresMajor}-bookworm`),
  };
}
