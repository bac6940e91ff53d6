// How the new database is made like the one that was dumped: by what the agent asked the server, by what the dump says, and
// where neither speaks by a guess; and, where this server cannot make it so, what is nearest.

import type { SourceDatabase } from '../archive/source-database.ts';
import { quoteLiteral } from '../postgres/programs.ts';
import type { DumpHead } from './dump-head.ts';

/** What a database is made with; without locale, as the server makes its own. */
export type Making = Pick<SourceDatabase, 'encoding'> &
  Partial<Pick<SourceDatabase, 'localeProvider' | 'collate' | 'ctype' | 'locale' | 'icuRules'>>;

export type Attempt = {
  /** Options of `CREATE DATABASE … TEMPLATE template0`. */
  readonly options: string;
  /** What it is then, where that is not what was wanted. */
  readonly instead?: string;
};

/** Encodings that only clients have: no database can be made with them. */
const clientOnly =
  /^(?:sjis|shift.?jis.*|mskanji|win932|windows932|big5|win950|windows950|gbk|win936|windows936|uhc|win949|windows949|johab|gb18030)$/i;

/**
 * @param replaced - The one that it replaces: asked where nobody speaks of the source, and the dump is written as this one would be.
 * @returns With what, and what should be known of it.
 */
export function makingOf(
  known: SourceDatabase | undefined,
  head: Pick<DumpHead, 'encoding' | 'creation' | 'usesIcu'>,
  replaced?: SourceDatabase,
): { readonly making: Making; readonly warnings: readonly string[] } {
  const said = head.encoding;
  const isMere = said?.toUpperCase() === 'SQL_ASCII';
  const isClients = said === undefined || clientOnly.test(said) || (isMere && head.usesIcu);
  const ofDump = isClients ? undefined : said;
  const told = known ?? creationOf(head.creation ?? '');
  const isAlike = replaced !== undefined && plain(ofDump ?? replaced.encoding) === plain(replaced.encoding);
  const making = told ?? (isAlike ? replaced : { encoding: ofDump ?? 'UTF8' });
  const asIs = `it is made as ${making.encoding}`;
  const warnings: string[] = [];
  if (said !== undefined && plain(said) !== plain(making.encoding))
    warnings.push(
      `the dump is written in ${said}, ${told === undefined ? `which no database${isMere ? ' with collations of ICU' : ''} has` : `and its database was ${making.encoding}`}: ${asIs}, and the server converts`,
    );
  else if (told === undefined && isMere)
    warnings.push(
      `the dump is written in SQL_ASCII, which does not say what its database was: ${asIs}, in which no letter but those of ASCII has a case; dump with pg_dump --create, and it is what it was`,
    );
  else if (told === undefined && replaced !== undefined && !isAlike)
    warnings.push(
      `the dump is written in ${making.encoding}, and the ${replaced.name} that is there is ${replaced.encoding}: ${asIs}`,
    );
  return { making, warnings };
}

/** `CREATE DATABASE … WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C';` */
function creationOf(statement: string): Making | undefined {
  const option = (name: string) =>
    new RegExp(`\\b${name} = (?:'((?:[^']|'')*)'|(\\w+))`, 'i')
      .exec(statement)
      ?.slice(1)
      .find((value) => value !== undefined)
      ?.replaceAll("''", "'");
  const encoding = option('ENCODING');
  if (encoding === undefined) return undefined;
  const both = option('LOCALE');
  const [collate, ctype] = [option('LC_COLLATE') ?? both, option('LC_CTYPE') ?? both];
  const [locale, icuRules] = [option('ICU_LOCALE') ?? option('BUILTIN_LOCALE'), option('ICU_RULES')];
  return {
    encoding,
    ...(collate !== undefined && { localeProvider: option('LOCALE_PROVIDER') ?? 'libc', collate }),
    ...(ctype !== undefined && { ctype }),
    ...(locale !== undefined && { locale }),
    ...(icuRules !== undefined && { icuRules }),
  };
}

/** Ways to make a database, the wanted one first, then what is nearest. */
export function attemptsFor(making: Making, major: number): Attempt[] {
  const { encoding, localeProvider = 'libc', collate, ctype = collate, locale, icuRules } = making;
  const named = /^(?:C|POSIX)?$/i.test(collate ?? '') ? undefined : collate;
  const libc = (one: string, other: string) =>
    `LC_COLLATE ${quoteLiteral(one)} LC_CTYPE ${quoteLiteral(other)}`;
  const withoutRules = icuRules && major < 16 ? ' without its rules' : '';
  const provider = (name: string) => (major >= 15 ? `LOCALE_PROVIDER ${name} ` : '');
  const ofIcu = (name: string, more: string) =>
    `LOCALE_PROVIDER icu ICU_LOCALE ${quoteLiteral(name)} ${icuRules && major >= 16 ? `ICU_RULES ${quoteLiteral(icuRules)} ` : ''}${more}`;
  const ofBuiltin = (name: string, more: string) =>
    `LOCALE_PROVIDER builtin BUILTIN_LOCALE ${quoteLiteral(name)} ${more}`;
  const own: Attempt = { options: '', instead: 'the server’s own locale' };
  const bytes: Attempt = {
    options: provider('libc') + libc('C', 'C'),
    instead: 'locale C: text in the order of its bytes',
  };
  const ways: (Attempt | false | undefined)[] = [];
  if (collate === undefined || ctype === undefined) ways.push({ options: '' }, bytes);
  else if (localeProvider === 'icu' && locale !== undefined) {
    ways.push(
      major >= 15 && {
        options: ofIcu(locale, libc(collate, ctype)),
        ...(withoutRules && { instead: `ICU’s ${locale}${withoutRules}` }),
      },
      major >= 15 && {
        options: ofIcu(locale, libc('C', 'C')),
        instead: `ICU’s ${locale}${withoutRules}, and locale C for all else`,
      },
      named !== undefined && {
        options: provider('libc') + libc(collate, ctype),
        instead: `the system’s locale ${collate}`,
      },
      own,
      bytes,
    );
  } else if (localeProvider === 'builtin' && locale !== undefined) {
    ways.push(
      major >= 17 && { options: ofBuiltin(locale, libc(collate, ctype)) },
      major >= 17 && {
        options: ofBuiltin(locale, libc('C', 'C')),
        instead: `the built-in ${locale}, and locale C for all else`,
      },
      { options: provider('libc') + libc('C', 'C.UTF-8'), instead: 'locale C, with the letters of C.UTF-8' },
      bytes,
    );
  } else {
    ways.push(
      { options: provider('libc') + libc(collate, ctype) },
      named !== undefined &&
        major >= 15 && {
          options: ofIcu(languageOf(named), libc('C', 'C')),
          instead: `ICU’s ${languageOf(named)}`,
        },
      named !== undefined && own,
      { options: provider('libc') + libc('C', 'C.UTF-8'), instead: 'locale C, with the letters of C.UTF-8' },
      bytes,
    );
  }
  const inEncoding = ways
    .filter((way) => way !== undefined && way !== false)
    .map((way) => ({ ...way, options: `ENCODING ${quoteLiteral(encoding)} ${way.options}`.trim() }));
  const last = `ENCODING 'UTF8' ${bytes.options}`;
  return [...inEncoding, { options: last, instead: `encoding UTF8 and ${bytes.instead}` }];
}

/** `de_DE.UTF-8` → `de-DE` */
function languageOf(locale: string): string {
  return locale.replace(/[.@].*$/, '').replace('_', '-');
}

/** For a person: `encoding LATIN1, locale de_DE of libc`. */
export function describeMaking({ encoding, localeProvider = 'libc', collate, locale }: Making): string {
  const name = locale ?? collate;
  return `encoding ${encoding}${name === undefined ? '' : `, locale ${name} of ${localeProvider}`}`;
}

function plain(encoding: string): string {
  return encoding
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .replace(/^unicode$/, 'utf8');
}
