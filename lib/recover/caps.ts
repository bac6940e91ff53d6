// What BitAgent's API says of itself, judged as the *arrs will: a whole XML document, with the root that Torznab wants.

import { SaxesParser } from 'saxes';

/** What a document is, as far as it matters. */
export type Document = {
  readonly root: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Names of the elements right below the root. */
  readonly children: readonly string[];
};

/**
 * Reads an XML document.
 *
 * @returns What it is, or why it is none.
 */
export function readXml(text: string): Document | { readonly fault: string } {
  const parser = new SaxesParser();
  let fault: string | undefined;
  let root: string | undefined;
  let attributes: Record<string, string> = {};
  const children: string[] = [];
  let depth = 0;
  parser.on('error', ({ message }) => {
    fault ??= message;
  });
  parser.on('opentag', (tag) => {
    if (depth === 0) {
      root = tag.name;
      attributes = tag.attributes;
    } else if (depth === 1) children.push(tag.name);
    depth += 1;
  });
  parser.on('closetag', () => {
    depth -= 1;
  });
  parser.write(text).close();
  if (fault !== undefined || root === undefined) return { fault: fault ?? 'it has no root' };
  return { root, attributes, children };
}

/**
 * Judges the answer to `t=caps`.
 *
 * @returns What is wrong with it, or nothing.
 * @see https://torznab.github.io/spec-1.3-draft/torznab/Specification-v1.3.html
 */
export function faultOfCaps(text: string): { readonly found: string; readonly isKey?: boolean } | undefined {
  if (looksLikePage(text)) return { found: 'a web page in the place of XML' };
  const document = readXml(text);
  if ('fault' in document) return { found: `no valid XML: ${document.fault}` };
  const { root, attributes, children } = document;
  if (root === 'error') {
    const { code = '', description = '' } = attributes;
    // Newznab's codes of a user: 100 to 102.
    return { found: `the error ${code}: ${description}`.trim(), isKey: /^10[0-2]$/.test(code) };
  }
  if (root !== 'caps') return { found: `XML, but its root is <${root}> and not <caps>` };
  const missing = ['server', 'categories'].filter((name) => !children.includes(name));
  return missing.length === 0 ? undefined : { found: `<caps> without <${missing.join('> and <')}>` };
}

export function looksLikePage(text: string): boolean {
  const beginning = text.slice(0, 2000).trimStart();
  return beginning.startsWith('<') && /<(?:!doctype\s+html|html)\b/i.test(beginning);
}

/** What `/status` says of the DHT crawler. @returns `unknown` if it says nothing of it. */
export function dhtIn(text: string): 'up' | 'down' | 'inactive' | 'unknown' {
  try {
    const { details } = JSON.parse(text) as { details?: Record<string, { status?: unknown } | undefined> };
    const status = details?.dht?.status;
    return status === 'up' || status === 'down' || status === 'inactive' ? status : 'unknown';
  } catch {
    return 'unknown';
  }
}
