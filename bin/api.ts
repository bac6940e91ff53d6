// Makes API.md: the properties and members of the construct, as the TypeScript compiler reads them off the source.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  ClassDeclaration,
  InterfaceDeclaration,
  JSDoc,
  Node,
  SourceFile,
} from 'typescript/unstable/ast';
import {
  isClassDeclaration,
  isInterfaceDeclaration,
  isPropertyDeclaration,
  isPropertySignatureDeclaration,
} from 'typescript/unstable/ast/is';
import { API } from 'typescript/unstable/sync';
import { optionsOf, script } from '../lib/base/script.ts';

const root = join(import.meta.dirname, '..');

/** The text of API.md as the source has it now. */
export function apiText(): string {
  const api = new API({ cwd: root });
  try {
    const config = join(root, 'tsconfig.package.json');
    const [project] = api.updateSnapshot({ openProjects: [config] }).getProjects();
    const read = (file: string): SourceFile => {
      const source = project?.program.getSourceFile(join(root, 'lib', 'stack', file));
      if (source === undefined) throw new Error(`the package has no ${file}`);
      return source;
    };
    return page(read('props.ts'), read('offsite-archive.ts'));
  } finally {
    api.close();
  }
}

function page(props: SourceFile, archive: SourceFile): string {
  const wanted = declaration(props, isInterfaceDeclaration, 'OffsiteArchiveProps');
  const given = declaration(archive, isClassDeclaration, 'OffsiteArchive');
  const properties = wanted.members.filter(isPropertySignatureDeclaration).map((one) => {
    const { text, defaultText } = wordsOf(one, props);
    const type = one.type?.getText(props).replace(/ \| undefined$/, '') ?? '';
    const fallback = one.postfixToken === undefined ? 'required' : code(defaultText);
    return [code(one.name.getText(props)), code(type), fallback, text];
  });
  const members = given.members
    .filter(isPropertyDeclaration)
    .map((one) => [
      code(one.name.getText(archive)),
      code(one.type?.getText(archive) ?? ''),
      wordsOf(one, archive).text,
    ]);
  return [
    '# API',
    '',
    'Made by `npm run api` from lib/stack; a test holds it against the source. How it is used: docs/cloud.md.',
    '',
    '## `new OffsiteArchive(scope, id, props)`',
    '',
    wordsOf(given, archive).text,
    '',
    '## Properties',
    '',
    wordsOf(wanted, props).text,
    '',
    table(['property', 'type', 'default', 'meaning'], properties),
    '## Members',
    '',
    table(['member', 'type', 'meaning'], members),
  ].join('\n');
}

function declaration<T extends InterfaceDeclaration | ClassDeclaration>(
  source: SourceFile,
  is: (node: Node) => node is T,
  name: string,
): T {
  const found = source.statements.find((one): one is T & (typeof source.statements)[number] => {
    return is(one) && one.name?.getText(source) === name;
  });
  if (found === undefined) throw new Error(`${source.fileName} does not declare ${name}`);
  return found;
}

/** What its comment says, and what its tag `@default` does. */
function wordsOf(node: Node, source: SourceFile): { text: string; defaultText: string } {
  const comment = (node.jsDoc?.at(-1) as JSDoc | undefined)?.getText(source) ?? '';
  const lines = comment
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim());
  const [text = '', ...tags] = lines.join(' ').split(/(?=@\w+ )/);
  const defaultText = tags.find((tag) => tag.startsWith('@default '))?.slice('@default '.length) ?? '';
  return { text: text.trim(), defaultText: defaultText.trim() };
}

function code(text: string): string {
  return text === '' ? '' : `\`${text.replaceAll('|', '\\|')}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}

if (import.meta.main) {
  optionsOf(script('npm run api', 'Makes API.md of lib/stack.'));
  writeFileSync(join(root, 'API.md'), apiText());
}
