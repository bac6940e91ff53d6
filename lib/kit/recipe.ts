// How a database comes back with nothing of this program: the commands, in their order, for one installation. docs/format.md
// shows the same restoring line, and a test holds the two together.

import type { SourceDatabase } from '../archive/source-database.ts';
import { shellWord } from '../base/shell-word.ts';
import { quoteIdentifier } from '../postgres/programs.ts';
import { attemptsFor } from '../restore/new-database.ts';

/** What of an installation the commands need. */
export type Kit = {
  readonly bucket: string;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly source: string;
  /** The container that Postgres runs in, and who may do everything there. */
  readonly container?: { readonly name: string; readonly user: string } | undefined;
  /** As the newest manifest has it; not of older ones. */
  readonly database?: SourceDatabase | undefined;
  /** That the newest dump names. */
  readonly roles: readonly string[];
  /** Major version of its server. */
  readonly major?: number | undefined;
  /** The newest intact archive. */
  readonly newest?: { readonly id: string; readonly torrents?: number | undefined } | undefined;
  readonly writtenAt: Date;
};

export type Step = {
  readonly title: string;
  readonly why: string;
  /** For sh, in one shell with those of the other steps. */
  readonly commands: string;
};

/** Of a database that nothing is known of; BitAgent's own. */
const usualName = 'bitmagnet';
const usualMajor = 16;
const backquote = '`';

/**
 * The commands that restore a file which somebody else may have written.
 *
 * @param file - As sh reads it.
 * @param psql - The command that takes them, into a fresh database.
 */
export function guardedRestore(file: string, psql: string): string {
  return String.raw`{ printf '\\restrict %s\n' "$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')"
  gunzip -c ${file} | LC_ALL=C sed '1,9{/^\\restrict /d;};/^\\unrestrict [0-9A-Za-z]*$/d;s/\\\\unrestrict/\\\\\\165nrestrict/g;/\\unrestrict.*${backquote}/d'
} | ${psql}`;
}

export function recipeOf(kit: Kit): Step[] {
  const name = kit.database?.name ?? usualName;
  const fresh = `${shortened(name)}_new`;
  const into = `-d ${shellWord(fresh)}`;
  return [
    {
      title: 'Where it is',
      why: 'Your own credentials, which may read: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. The host’s may only write. All commands go into one shell, in a folder with room for the archive.',
      commands: whereabouts(kit),
    },
    {
      title: 'Which archives there are',
      why: 'Each is a .sql.gz with a .manifest.json; without manifest it was never finished.',
      commands: 'aws s3 ls "s3://$BUCKET/archives/$SOURCE/"',
    },
    {
      title: 'The newest that is proven intact, or that you have accepted',
      why: `Its name is shown. Or name another: ID=${kit.newest?.id ?? `${kit.source}-2026-11-23-031500Z`}`,
      commands: `ID=
for KEY in $(aws s3 ls "s3://$BUCKET/verdicts/$SOURCE/" | awk '{print $4}' | sort -r); do
  FOUND=$(aws s3 cp --quiet "s3://$BUCKET/verdicts/$SOURCE/$KEY" - | grep -E '^ "(verdict|etag)":') || continue
  case $FOUND in
    *'"intact"'*) ID=\${KEY%.json}; break ;;
    *'"suspicious"'*) if aws s3 cp --quiet "s3://$BUCKET/acceptances/$SOURCE/$KEY" - 2> /dev/null |
      grep -qF "$(echo "$FOUND" | grep etag)"; then ID=\${KEY%.json}; break; fi ;;
  esac
done
echo "$ID"`,
    },
    {
      title: 'Fetch it, and see that it is what was stored',
      why: 'It says OK. Anything else: fetch again, then take another archive.',
      commands: `aws s3 cp "s3://$BUCKET/archives/$SOURCE/$ID.sql.gz" .
aws s3 cp "s3://$BUCKET/archives/$SOURCE/$ID.manifest.json" .
echo "$(sed -n 's/^ "sha256": "\\([0-9a-f]*\\)".*/\\1/p' "$ID.manifest.json")  $ID.sql.gz" | sha256sum -c && gunzip -t "$ID.sql.gz"`,
    },
    { title: 'How Postgres is reached', why: reachWords(kit), commands: reach(kit) },
    {
      title: 'Its roles, and an empty database like the one that was lost',
      why: `A role that is there already is no fault. What the newest manifest says of the database is in this line; "database" in $ID.manifest.json says it of yours.${kit.database === undefined ? ' Nothing is known of this one: encoding and owner are a guess.' : ''}`,
      commands: [
        ...rolesOf(kit).map((role) => onServer(roleSql(kit, role), ' || true')),
        onServer(databaseSql(kit, fresh)),
      ].join('\n'),
    },
    {
      title: 'Restore',
      why: 'A psql of 13.22, 14.19, 15.14, 16.10, 17.6, 18.0 or newer runs nothing that somebody may have put into the file. It ends without an error, or: drop the database, make it again, and leave -v ON_ERROR_STOP=1 out to get at what can be had.',
      commands: guardedRestore('"$ID.sql.gz"', `pg psql -X -q -v ON_ERROR_STOP=1 ${into} > /dev/null`),
    },
    {
      title: 'Statistics for its planner, and what is in it',
      why:
        kit.newest?.torrents === undefined
          ? 'Compare it with what you remember.'
          : `${kit.newest.id} holds ${kit.newest.torrents}.`,
      commands: `pg vacuumdb --analyze-only --quiet ${into} < /dev/null
pg psql -X -At ${into} -c 'SELECT count(*) FROM torrents' < /dev/null`,
    },
    {
      title: 'In its place',
      why: 'Stop BitAgent first, and start it afterwards. What was there is kept; without one, the first line says so, and that is no fault.',
      commands: `${onServer(renameSql(name, `${shortened(name)}_before`), ' || true')}\n${onServer(renameSql(fresh, name))}`,
    },
  ];
}

/** So that what is appended is not cut off: a server takes 63 bytes. */
function shortened(name: string): string {
  const characters = [...name];
  while (Buffer.byteLength(characters.join('')) > 55) characters.pop();
  return characters.join('');
}

function whereabouts({ bucket, source, region, endpoint }: Kit): string {
  return [
    `BUCKET=${shellWord(bucket)} SOURCE=${shellWord(source)}`,
    ...(region === undefined ? [] : [`export AWS_DEFAULT_REGION=${shellWord(region)}`]),
    ...(endpoint === undefined ? [] : [`export AWS_ENDPOINT_URL=${shellWord(endpoint)}`]),
  ].join('\n');
}

function reachWords({ container }: Kit): string {
  return container === undefined
    ? 'By PGHOST, PGUSER and PGPASSWORD, as somebody who may make databases. In a container: the second line in place of the first, with its name and user.'
    : 'In the container, as somebody who may make databases. Else by PGHOST, PGUSER and PGPASSWORD: the second line in place of the first.';
}

function reach({ container }: Kit): string {
  const { name, user } = container ?? { name: 'bitagent-postgres', user: usualName };
  const inside = `pg() { docker exec -i -e PGUSER=${shellWord(user)} ${shellWord(name)} "$@"; }`;
  const outside = 'pg() { "$@"; }';
  return container === undefined ? `${outside}\n# ${inside}` : `${inside}\n# ${outside}`;
}

function rolesOf({ database, roles }: Kit): string[] {
  const all = [database?.owner, ...(database?.logins ?? []), ...roles].filter((role) => role !== undefined);
  return all.length === 0 ? [usualName] : [...new Set(all)];
}

function roleSql({ database }: Kit, role: string): string {
  const mayLogIn = database?.logins?.includes(role) ?? true;
  return `CREATE ROLE ${quoteIdentifier(role)}${mayLogIn ? ' LOGIN' : ''}`;
}

function databaseSql(kit: Kit, fresh: string): string {
  const { database, major = usualMajor } = kit;
  const owner = database?.owner ?? rolesOf(kit)[0] ?? usualName;
  const [first] = attemptsFor(database ?? { encoding: 'UTF8' }, major);
  return `CREATE DATABASE ${quoteIdentifier(fresh)} OWNER ${quoteIdentifier(owner)} TEMPLATE template0 ${first?.options ?? ''}`.trim();
}

function renameSql(from: string, to: string): string {
  return `ALTER DATABASE ${quoteIdentifier(from)} RENAME TO ${quoteIdentifier(to)}`;
}

/** Without stdin: docker exec would read there what was pasted after it. */
function onServer(sql: string, otherwise = ''): string {
  return `pg psql -X -q -d postgres -c ${shellWord(sql)} < /dev/null${otherwise}`;
}
