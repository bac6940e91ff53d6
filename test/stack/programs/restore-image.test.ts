// The restore test's image, both ways: what it is built on is named by what it is, and `cloud` asks for no Docker.

import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { renewDigests } from '../../../bin/base-images.ts';
import { buildArgs, digests } from '../../../lib/stack/programs/base-images.ts';
import { projectRoot } from '../../fixtures/cdk.ts';
import { filesIn, nameOf, plain, synthesize } from '../synthesized.ts';

const assetsOf = (outdir: string) =>
  JSON.parse(readFileSync(join(outdir, 'OffsiteStack.assets.json'), 'utf8')) as {
    files: Record<string, { source: { path: string } }>;
    dockerImages: Record<string, { source: { dockerBuildArgs: Record<string, string> } }>;
  };

describe('base images', () => {
  test.each([13, 14, 15, 16, 17, 18])('of Postgres %i are named by digest', (major) => {
    const { NODE_IMAGE, POSTGRES_IMAGE } = buildArgs(major);
    expect(NODE_IMAGE).toMatch(/^node:24-bookworm-slim@sha256:[0-9a-f]{64}$/);
    expect(POSTGRES_IMAGE).toMatch(new RegExp(`^postgres:${major}-bookworm@sha256:[0-9a-f]{64}$`));
  });

  test('are those that the Dockerfile takes by name where nobody says otherwise', () => {
    const dockerfile = readFileSync(join(projectRoot, 'bin', 'restore-test.Dockerfile'), 'utf8');
    const usual = (name: string) => new RegExp(`^ARG ${name}=(.*)$`, 'm').exec(dockerfile)?.[1] ?? '';
    const major = usual('POSTGRES_MAJOR');
    const { NODE_IMAGE, POSTGRES_IMAGE } = buildArgs(Number(major));
    const named = ['NODE_IMAGE', 'POSTGRES_IMAGE'].map((name) =>
      usual(name).replace(`\${POSTGRES_MAJOR}`, major),
    );
    expect(named).toEqual([NODE_IMAGE, POSTGRES_IMAGE].map((image) => image?.split('@')[0]));
  });

  // In place of Docker's registry, which is not reached from here: the same questions, a token first.
  describe('are renewed', () => {
    const newest = new Map(
      Object.keys(digests).map((image, index) => [image, `sha256:${String(index).repeat(64)}`]),
    );
    const registry = createServer((request, response) => {
      const address = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
      const [, name, tag] = /^\/v2\/library\/(\w+)\/manifests\/(.*)$/.exec(request.url ?? '') ?? [];
      if (request.url?.startsWith('/token?')) {
        const scope = new URL(request.url, address).searchParams.get('scope');
        return response.end(JSON.stringify({ token: `for ${scope}` }));
      }
      if (request.headers.authorization !== `Bearer for repository:library/${name}:pull`) {
        const challenge = `Bearer realm="${address}/token",service="here",scope="repository:library/${name}:pull"`;
        return response.writeHead(401, { 'www-authenticate': challenge }).end();
      }
      const digest = newest.get(`${name}:${tag}`);
      if (digest === undefined) return response.writeHead(404).end();
      return response.setHeader('docker-content-digest', digest).end();
    });
    afterAll(() => registry.close());
    const source = readFileSync(join(projectRoot, 'lib', 'stack', 'programs', 'base-images.ts'), 'utf8');
    const listening = new Promise<string>((resolve) => {
      registry.listen(0, '127.0.0.1', () =>
        resolve(`http://127.0.0.1:${(registry.address() as AddressInfo).port}`),
      );
    });

    test('all of them, and nothing else of the file', async () => {
      let expected = source;
      for (const [image, digest] of newest) expected = expected.replace(digests[image] as string, digest);
      expect(await renewDigests(source, await listening)).toBe(expected);
    });

    test('or none: an image that the registry does not name is an error', async () => {
      newest.delete('postgres:18-bookworm');
      await expect(renewDigests(source, await listening)).rejects.toThrow(/postgres.*18-bookworm.*HTTP 404/);
    });
  });
});

describe('local', () => {
  test('Docker builds it, on base images by digest', () => {
    const images = Object.values(assetsOf(synthesize().outdir).dockerImages);
    expect(images.map(({ source }) => source.dockerBuildArgs)).toEqual([buildArgs(17)]);
  });
});

describe('cloud', () => {
  const before = process.env.CDK_DOCKER;
  process.env.CDK_DOCKER = '/nonexistent/docker';
  const { outdir, resources, byName, allowed } = synthesize({ build: 'cloud' });
  if (before === undefined) delete process.env.CDK_DOCKER;
  else process.env.CDK_DOCKER = before;

  const ofType = (type: string) => Object.entries(resources).filter(([, { Type }]) => Type === type);
  const [[imageId, image] = []] = ofType('Custom::OffsiteImage');

  test('no image is built where cdk runs: what it is built from goes up as files', () => {
    const { files, dockerImages } = assetsOf(outdir);
    expect(dockerImages ?? {}).toEqual({});
    const contexts = Object.values(files)
      .map(({ source }) => join(outdir, source.path))
      .filter((path) => path.includes('asset.') && readdirSync(path).includes('bin'));
    expect(contexts).toHaveLength(1);
    expect(filesIn(contexts[0] ?? '')).toEqual(['bin/restore-test.Dockerfile', 'dist/restore-test.cjs']);
  });

  test('CodeBuild builds it on the same base images, from the mirror in AWS, and pushes it where the task looks', () => {
    const { Source, Environment, LogsConfig } = byName(
      'AWS::CodeBuild::Project',
      'RestoreTaskCloudImageProject',
    ).properties as unknown as Record<string, Record<string, unknown>>;
    const spec = JSON.parse(plain(Source?.BuildSpec)) as { phases: { build: { commands: string[] } } };
    const [login, build, push] = spec.phases.build.commands;
    const { tag } = (image?.Properties ?? {}) as { tag?: string };
    const containers = ofType('AWS::ECS::TaskDefinition').map(
      ([, { Properties }]) =>
        (Properties.ContainerDefinitions as unknown as { Image: unknown }[]).map(({ Image }) =>
          plain(Image),
        )[0],
    );
    const [uri] = containers;
    expect(containers).toEqual([uri, uri, uri]);
    expect(uri).toMatch(new RegExp(`:${tag}$`));
    expect(login).toContain('docker login --username AWS --password-stdin');
    for (const [name, value] of Object.entries(buildArgs(17, 'public.ecr.aws/docker/library/')))
      expect(build).toContain(` --build-arg ${name}=${value}`);
    expect(build).toMatch(/^docker build --file bin\/restore-test\.Dockerfile .* \.$/);
    expect(push).toBe(`docker push ${uri}`);
    expect(Environment).toMatchObject({ PrivilegedMode: true, Type: 'LINUX_CONTAINER' });
    expect(JSON.stringify(LogsConfig)).toContain('RestoreTaskCloudImageProjectLogs');
  });

  test('the task is there when its image is, and not before', () => {
    const tasks = ofType('AWS::ECS::TaskDefinition') as unknown as [string, { DependsOn?: string[] }][];
    expect(tasks).toHaveLength(3);
    for (const [, { DependsOn }] of tasks) expect(DependsOn).toContain(imageId);
  });

  test('each role has what it needs, of this project, this repository and this file', () => {
    const [project, repository] = ['RestoreTaskCloudImageProject', 'RestoreTaskCloudImageRepository'];
    const starter = allowed('AWS::IAM::Policy', 'RestoreTaskCloudImageStarterRoleDefaultPolicy');
    expect(starter.filter((line) => !line.startsWith('logs:'))).toEqual([
      `codebuild:BatchGetBuilds on ${project}`,
      `codebuild:StartBuild on ${project}`,
    ]);
    const lines = allowed('AWS::IAM::Policy', 'RestoreTaskCloudImageProjectRoleDefaultPolicy');
    const actions = (resource: RegExp) =>
      lines.flatMap((line) => {
        const [action = '', on = ''] = line.split(' on ');
        return resource.test(on) ? [action] : [];
      });
    expect(actions(new RegExp(`^${repository}$`))).toContain('ecr:PutImage');
    expect(actions(/^\*$/)).toEqual(['ecr:GetAuthorizationToken']);
    expect(actions(/\.zip$/)).toEqual(['s3:GetObject', 's3:GetObjectVersion']);
    expect(lines.filter((line) => /\/\*( |$)/.test(line))).toEqual([]);
  });

  test('goes with the stack, images and all', () => {
    const [[id, repository] = []] = ofType('AWS::ECR::Repository') as unknown as [
      string,
      { DeletionPolicy: string; Properties: object },
    ][];
    expect(nameOf(id ?? '')).toBe('RestoreTaskCloudImageRepository');
    expect(repository).toMatchObject({ DeletionPolicy: 'Delete', Properties: { EmptyOnDelete: true } });
  });
});
