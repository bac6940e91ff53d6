// The opening: a host with a database to lose, and an account with the stack deployed to it.

import { formatBytes, formatCount, formatDuration } from '../../base/quantities.ts';
import { query } from '../../postgres/programs.ts';
import type { Cloud, Database } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';

/** Rows that the corpus has beyond those asked for: each breaks a naive reader of dumps. */
export const hostileRows = 12;

/** What a database holds, as far as a restore must bring it back. */
export type Census = {
  readonly torrents: number;
  readonly tables: number;
  readonly indexes: number;
  readonly foreignKeys: number;
  readonly largeObjects: number;
};

/** The host with its database. @returns Both it and what it holds. */
export async function meetDatabase(
  scene: Scene,
  loading: Promise<Database>,
  torrents: number,
): Promise<{ database: Database; census: Census }> {
  const database = await loading;
  const { server, source } = database;
  const census = await takeCensus(database, source.env.PGDATABASE ?? '');
  const [[version = '', bytes = ''] = []] = await query(
    source,
    "SELECT current_setting('server_version'), pg_database_size(current_database())",
  );
  scene.check('torrents', torrents, census.torrents);
  scene.figures({ torrents: census.torrents, databaseBytes: Number(bytes), serverVersion: version });
  scene.say(
    `PostgreSQL ${version.split(' ')[0]} on 127.0.0.1:${server.port} with a made-up BitAgent catalogue: ` +
      `${formatCount(census.torrents)} torrents in ${formatBytes(Number(bytes))}; ${census.tables} tables, ` +
      `${census.indexes} indexes, ${census.foreignKeys} foreign keys, ${census.largeObjects} large object. ` +
      `${hostileRows} of the torrents hold texts that break naive tools: a false end of dump, COPY lines, control bytes.`,
  );
  scene.summarize(`${formatCount(census.torrents)} torrents in ${formatBytes(Number(bytes))}`);
  return { database, census };
}

/** Counts what a database holds. */
export async function takeCensus({ server }: Database, database: string): Promise<Census> {
  const [row = []] = await query(
    server.connection,
    `SELECT (SELECT count(*) FROM torrents),
            (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace),
            (SELECT count(*) FROM pg_class WHERE relkind IN ('i', 'I') AND relnamespace = 'public'::regnamespace),
            (SELECT count(*) FROM pg_constraint WHERE contype = 'f'),
            (SELECT count(*) FROM pg_largeobject_metadata)`,
    { database },
  );
  const [torrents = 0, tables = 0, indexes = 0, foreignKeys = 0, largeObjects = 0] = row.map(Number);
  return { torrents, tables, indexes, foreignKeys, largeObjects };
}

/** The stack, as its template wires it. @returns What of it is up. */
export async function meetStack(scene: Scene, deploying: Promise<Cloud>): Promise<Cloud> {
  const cloud = await deploying;
  const { wiring, resources, synthesisMs } = cloud;
  const { functions, rules, taskDefinitions, subscriptions } = wiring;
  scene.command('bin/run bin/stack.ts -c email=operator@example.com');
  scene.say(
    `${resources} resources, synthesized in ${formatDuration(synthesisMs)} while the database was loading. Read from the template: ${functions.length} functions with their bundles and ` +
      `environment, ${rules.length} rules, ${taskDefinitions.length} kinds of Fargate task; mail to ` +
      `${subscriptions.map(({ endpoint }) => endpoint).join(', ')}.`,
  );
  for (const rule of rules) {
    const targets = rule.targets.map(({ arn }) => functions.find((fn) => fn.arn === arn)?.logicalId ?? arn);
    const when = rule.schedule ?? String(rule.pattern?.['detail-type'] ?? JSON.stringify(rule.pattern));
    scene.quote(
      `${when.padEnd(28)} → ${targets.map((name) => name.replace(/^Handlers|Function\w+$/g, '')).join(', ')}`,
    );
  }
  scene.check('failure destinations', [], withoutDestination(functions));
  scene.figures({
    resources,
    synthesisMs: Math.round(synthesisMs),
    functions: functions.map(({ logicalId }) => logicalId),
  });
  scene.summarize(`${resources} resources, ${functions.length} functions, ${rules.length} rules`);
  return cloud;
}

/** Only the one that reports failures has nobody to hand its own to. */
function withoutDestination(functions: Cloud['wiring']['functions']): string[] {
  const reporters = new Set(functions.map(({ onFailure }) => onFailure));
  return functions
    .filter(({ arn, onFailure }) => onFailure === undefined && !reporters.has(arn))
    .map(({ logicalId }) => logicalId);
}
