// Makes lib/mail/runbook.ts: the sections of docs/runbook.md as a mail has them, without the marks of Markdown.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { optionsOf, script } from '../lib/base/script.ts';
import { wrap } from '../lib/base/wrap.ts';
import { type FaultId, faultTitles } from '../lib/mail/faults.ts';

const root = join(import.meta.dirname, '..');
const columns = 80;

/** The text of lib/mail/runbook.ts as the page has it now. */
export function runbookModule(): string {
  const page = readFileSync(join(root, 'docs', 'runbook.md'), 'utf8');
  const sections = new Map(
    page
      .split(/^## /m)
      .slice(1)
      .map((text) => [text.slice(0, text.indexOf('\n')), text.slice(text.indexOf('\n')).trim()]),
  );
  const sectionOf = (title: string): string => {
    const text = sections.get(title);
    if (text === undefined) throw new Error(`docs/runbook.md has no section '${title}'`);
    return text;
  };
  const [aws, guard] = sectionOf('Before you begin').match(/^ {4}.*(\n {4}.*)*/gm) ?? [];
  const entries = (Object.keys(faultTitles) as FaultId[]).map(
    (id) => `  ${id}: ${JSON.stringify(plainText(sectionOf(faultTitles[id])))},\n`,
  );
  return `// Made by bin/runbook.ts from docs/runbook.md: npm run runbook.

/** What its sections' commands take as said: with the stack, and with a guard. */
export const shellLines = ${JSON.stringify({ aws, guard }, null, 2)};

/** A section a fault, in lines of 80 columns; commands are as long as they are. */
export const runbookSections = {
${entries.join('')}} as const;
`;
}

/** Blocks parted by blank lines; commands stay as they are. */
function plainText(markdown: string): string {
  return markdown
    .split(/\n{2,}/)
    .map((block) => (/^ {4}/.test(block) ? block : plainBlock(block)))
    .join('\n\n');
}

/** A paragraph, or points of a list, each of which goes on in lines that are indented. */
function plainBlock(block: string): string {
  return block
    .split(/\n(?=- )/)
    .map((part) => {
      const isPoint = part.startsWith('- ');
      // What a point begins with is no quotation.
      const words = part.replace(/^- (\*([^*]*)\*)?/, '$2').replaceAll(/\s*\n\s*/g, ' ');
      const text = plainWords(words);
      if (!isPoint) return wrap(text, columns).join('\n');
      return wrap(`  ${text}`, columns).join('\n').replace(/^ {2}/, '- ');
    })
    .join('\n');
}

function plainWords(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) =>
      part.startsWith('`')
        ? part
        : part
            .replaceAll(/\[([^\]]*)\]\(#[^)]*\)/g, '"$1"')
            .replaceAll(/\[[^\]]*\]\(([\w-]+\.md)[^)]*\)/g, 'docs/$1')
            .replaceAll('**', '')
            .replaceAll('*', '"'),
    )
    .join('');
}

if (import.meta.main) {
  optionsOf(script('npm run runbook', 'Makes lib/mail/runbook.ts of docs/runbook.md.'));
  writeFileSync(join(root, 'lib', 'mail', 'runbook.ts'), runbookModule());
}
