// The text of a settings file: YAML, and so JSON too. It may hold a password: nothing of it is ever quoted but its keys.

import { isMap, isScalar, LineCounter, type Node, type ParsedNode, parseDocument } from 'yaml';
import type { RawSettings, SettingPath } from './layers.ts';

/** A file's settings, and where they stand in it. */
export type SettingsText = {
  readonly settings: RawSettings;
  /** `3:1`, line and column of a key, or of the nearest above it that the text has. */
  placeOf(path: SettingPath): string;
};

/** Why a text holds no settings. */
export type TextFault = { readonly expected: string; readonly found: string };

const faultsByCode: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'a key that is there twice',
  TAB_AS_INDENT: 'a tab where YAML wants spaces',
  MULTIPLE_DOCS: 'a second document after ---',
  BAD_SCALAR_START: 'a text that begins with a sign of YAML: put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second colon in a line: put the text in quotes',
};

/** Reads a text; an empty one, or one of comments alone, says nothing. */
export function parseSettingsText(text: string): SettingsText | TextFault {
  if (text.includes('\0')) return { expected: 'YAML or JSON as UTF-8', found: 'UTF-16, or no text at all' };
  const lines = new LineCounter();
  // A mark of the byte order, as Windows' editors write it, is no column.
  const document = parseDocument(text.replace(/^\ufeff/, ''), { lineCounter: lines, merge: true });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${line}:${col}`;
  };
  const [fault = document.warnings[0]] = document.errors;
  if (fault !== undefined) {
    const found = faultsByCode[fault.code] ?? 'a syntax error';
    return {
      expected: 'YAML or JSON',
      found: `${found}, at line ${at(fault.pos[0]).replace(':', ', column ')}`,
    };
  }
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch (error) {
    const isName = error instanceof ReferenceError;
    const found = isName ? 'a *name that no &name before it explains' : 'a << of what is no keys and values';
    return { expected: 'YAML or JSON', found };
  }
  if (typeof value !== 'object' || Array.isArray(value))
    return { expected: 'keys and values', found: Array.isArray(value) ? 'a list' : 'another value' };
  return {
    settings: value as RawSettings,
    placeOf: (path) => at(offsetOf(document.contents, path)),
  };
}

function offsetOf(root: ParsedNode | null, path: SettingPath): number {
  let offset = root?.range[0] ?? 0;
  let node: Node | null = root;
  for (const key of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((one) => isScalar(one.key) && one.key.value === key);
    if (pair === undefined) break;
    offset = (pair.key as Node).range?.[0] ?? offset;
    node = pair.value as Node | null;
  }
  return offset;
}
