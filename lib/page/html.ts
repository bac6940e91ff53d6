// HTML as values: what is put into a template is text and is escaped, unless it was made by a template itself. So a
// table that is called <script> stays a name.

/** Finished markup: only {@link html} makes it. */
export type Html = { readonly markup: string };

type Child = Html | string | number | undefined | readonly Child[];

const made = new WeakSet<object>();

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** What no HTML document may hold, and what would turn a line of text around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are looked for.
const unprintable = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g;

/**
 * A template tag: the literal parts are markup, everything between them is escaped.
 *
 * @remarks Values stand in text or within quoted attributes, never in a tag's name, a `<style>` or an URL.
 */
export function html(literals: TemplateStringsArray, ...children: readonly Child[]): Html {
  const parts = literals.map((literal, index) => literal + markupOf(children[index]));
  return branded(parts.join(''));
}

/**
 * Markup that is a constant of this program: a style sheet.
 *
 * @param markup - Must not hold a value from elsewhere.
 */
export function constantHtml(markup: string): Html {
  return branded(markup);
}

/** Text as it may stand between tags and within quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(unprintable, '\ufffd')
    .replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}

function markupOf(child: Child): string {
  if (child === undefined) return '';
  if (typeof child === 'string') return escapeHtml(child);
  if (typeof child === 'number') return String(child);
  if ('markup' in child) return made.has(child) ? child.markup : escapeHtml(child.markup);
  return child.map(markupOf).join('');
}

function branded(markup: string): Html {
  const value: Html = { markup };
  made.add(value);
  return value;
}
