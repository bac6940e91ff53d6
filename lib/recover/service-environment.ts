// What the variables of a Compose file's services say: the database, and the keys that BitAgent was given.

import type { Service } from './compose-file.ts';

/** The database that BitAgent will ask for, and who may make it. */
export function databaseOf(
  app: Service,
  postgres: Service,
): { readonly database: string; readonly user: string; readonly password: string | undefined } {
  const env = postgres.environment ?? {};
  const user = env.POSTGRES_USER || 'postgres';
  const database = app.environment?.POSTGRES_NAME || env.POSTGRES_DB || user;
  return { database, user, password: env.POSTGRES_PASSWORD || undefined };
}

/** Keys that BitAgent was given; empty is none. Secrets. */
export function keysOf(app: Service): {
  readonly torznab: string | undefined;
  readonly dashboard: string | undefined;
} {
  const env = app.environment ?? {};
  return { torznab: env.TORZNAB_API_KEY || undefined, dashboard: env.DASHBOARD_API_KEY || undefined };
}

/** Files of this host that hold what the image of Postgres reads by `NAME_FILE`. */
export function secretsOf({ environment, files }: Service): [name: string, file: string][] {
  return ['POSTGRES_USER', 'POSTGRES_DB', 'POSTGRES_PASSWORD'].flatMap((name) => {
    const file = files?.get(environment?.[`${name}_FILE`] ?? '');
    return file === undefined ? [] : [[name, file]];
  });
}
