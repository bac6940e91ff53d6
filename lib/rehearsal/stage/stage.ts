// Everything that runs while the rehearsal does: the vault and the mailbox, the operator's database, the deployed
// stack. Whatever is opened here is closed by `close`, the last first, and nothing of it remains, however the
// rehearsal ends.

import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { execa } from 'execa';
import type { Connection } from '../../postgres/connection.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../postgres/throwaway.ts';
import { principals } from '../aws/aws-calls.ts';
import { createBus } from '../aws/bus.ts';
import { startEcsEndpoint } from '../aws/ecs/ecs-endpoint.ts';
import { startLambdaEndpoint } from '../aws/lambda-endpoint.ts';
import type { LambdaHost } from '../aws/lambda-runtime.ts';
import { type LocalAws, operatorAddress, startLocalAws } from '../aws/local-aws.ts';
import { synthesize } from '../template/synthesis.ts';
import { readWiring } from '../template/wiring.ts';
import { loadCorpus } from './load-corpus.ts';

export type Stage = {
  readonly aws: LocalAws;
  readonly s3: S3Client;
  /** Postgres' programs. */
  readonly binDir: string;
  /** For all that is temporary. */
  readonly directory: string;
  /** Settings file of the agent. */
  readonly configFile: string;
  /** Where the task's program has its temporary files. */
  readonly taskDirectory: string;
  /** Aborts when the stage is closed: programs that run still are ended. */
  readonly signal: AbortSignal;
  /** Is called by `close`. */
  onClose(closer: () => Promise<void>): void;
  /**
   * Ends everything.
   *
   * @param work - What still works on the stage: what it opens meanwhile is closed as well.
   */
  close(work?: Promise<unknown>): Promise<void>;
};

/** The operator's host. */
export type Database = {
  readonly server: ThrowawayPostgres;
  /** As the role that owns the database. */
  readonly source: Connection & { readonly via: 'server' };
};

/** The AWS account. */
export type Cloud = Awaited<ReturnType<typeof deploy>>;

export type Run = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

const projectRoot = fileURLToPath(new URL('../../..', import.meta.url));
export const sourceName = 'bitagent';

/** Opens the stage: a bucket and a mailbox, and nothing in them. */
export async function openStage(binDir: string): Promise<Stage> {
  const closers: (() => Promise<void>)[] = [];
  const closing = new AbortController();
  const directory = await mkdtemp(join(tmpdir(), 'offsite-rehearsal-'));
  const closeOpened = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  const close: Stage['close'] = async (work) => {
    closing.abort();
    await closeOpened();
    await work?.catch(() => undefined);
    await closeOpened();
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  try {
    const taskDirectory = join(directory, 'task');
    await mkdir(taskDirectory);
    // The task's Postgres runs as another user than we, and has to get there.
    await chmod(directory, 0o711);
    await chmod(taskDirectory, 0o1777);
    const aws = await startLocalAws();
    closers.push(() => aws.stop());
    const s3 = new S3Client(aws.clientConfig);
    closers.push(async () => s3.destroy());
    const configFile = join(directory, 'offsite.json');
    await writeFile(configFile, `${JSON.stringify({ source: sourceName, bucket: aws.bucket })}\n`);
    const onClose: Stage['onClose'] = (closer) => {
      closers.push(closer);
    };
    const { signal } = closing;
    return { aws, s3, binDir, directory, configFile, taskDirectory, signal, onClose, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Starts the operator's database server and loads the corpus, with its 12 hostile rows. */
export async function startDatabase(stage: Stage, torrents: number): Promise<Database> {
  const { binDir, signal } = stage;
  // For base backups and the log; tuned ones go without.
  const settings = { wal_level: 'replica', max_wal_senders: '4' };
  const server = await startThrowawayPostgres({ binDir, tuned: true, settings, signal });
  stage.onClose(() => server.stop());
  const source = await loadCorpus(server.connection, { torrents, edge: true, asof: new Date(), binDir });
  if (source.via !== 'server') throw new Error('the corpus was loaded somewhere else');
  return { server, source };
}

/** "Deploys" the stack: synthesizes it and brings up what its template wires together. */
export async function deploy(stage: Stage) {
  const { aws, s3, binDir, directory, signal } = stage;
  const assembly = join(directory, 'cdk.out');
  const began = performance.now();
  const { template, stackName, assetDirectory, imageDirectory } = await synthesize(
    assembly,
    directory,
    { email: operatorAddress },
    signal,
  );
  const synthesisMs = performance.now() - began;
  const wiring = readWiring(template, stackName, aws);
  const hostEnvironment: Record<string, string> = { ...aws.env };
  const host: LambdaHost = { assetDirectory, aws: hostEnvironment, signal };
  const bus = createBus(wiring, host, s3, aws.bucket);
  const container = {
    program: [join(imageDirectory, 'dist/restore-test.cjs')],
    cwd: projectRoot,
    environment: {
      ...aws.env,
      AWS_ACCESS_KEY_ID: principals.task,
      PATH: [binDir, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
      TMPDIR: stage.taskDirectory,
    },
  };
  const ecs = await startEcsEndpoint(wiring, container, bus.emit, aws.callLog);
  stage.onClose(() => ecs.stop());
  hostEnvironment.AWS_ENDPOINT_URL_ECS = ecs.endpoint;
  const lambda = await startLambdaEndpoint(wiring, host, aws.callLog);
  stage.onClose(async () => lambda.close());
  const resources = Object.keys(template.Resources).length;
  return { wiring, host, bus, ecs, lambda, resources, synthesisMs };
}

/** What `offsite` prints where it has to end well. @throws Error With what it said, where it does not. */
export async function offsiteOutput(
  stage: Stage,
  database: Database,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Omit<Run, 'exitCode'>> {
  const { exitCode, ...output } = await runOffsite(stage, database, args, environment);
  if (exitCode === 0) return output;
  throw new Error(`offsite ${args[0]} ended with ${exitCode}: ${output.stderr}`);
}

/**
 * Runs `offsite` as the operator's host does: with the settings file, libpq's environment and AWS credentials.
 *
 * @param environment - Further variables, over those.
 */
export function runOffsite(
  stage: Stage,
  { source }: Database,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Run> {
  const isAgent = ['backup', 'basebackup', 'wal'].includes(args[0] ?? '');
  const principal = isAgent ? principals.agent : principals.operator;
  const host = { AWS_ACCESS_KEY_ID: principal, ...source.env, ...environment };
  return runProgram(stage, [...args, '--config', stage.configFile], host, signal);
}

/** Runs `offsite` on some machine, with credentials that may do all in the vault. */
export async function runProgram(
  stage: Stage,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Run> {
  const result = await execa(join(projectRoot, 'bin', 'offsite'), args, {
    cwd: projectRoot,
    extendEnv: false,
    env: { ...ambient(stage), ...stage.aws.env, ...environment },
    stdin: 'ignore',
    reject: false,
    cancelSignal: AbortSignal.any([stage.signal, ...(signal ? [signal] : [])]),
  });
  return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
}

/** The environment of whoever started the rehearsal, less what points to databases, accounts and settings of his. */
export function ambient(stage: Stage): Record<string, string> {
  const own = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^(AWS_|PG|OFFSITE_)/.test(entry[0]),
  );
  const path = `${stage.binDir}${delimiter}${process.env.PATH ?? ''}`;
  return {
    ...Object.fromEntries(own),
    PATH: path,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    // What the agent remembers must not be taken for the operator's own.
    XDG_STATE_HOME: stage.directory,
  };
}

/** Everything in the vault below a prefix, in the order of keys. */
export async function keysBelow({ s3, aws }: Stage, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: aws.bucket, Prefix: prefix })) {
    for (const { Key } of page.Contents ?? []) keys.push(Key ?? '');
  }
  return keys;
}
